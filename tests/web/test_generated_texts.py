"""What the generated texts send: everything in few bytes, and what stays away when there is too much."""

import json
import math
import time
from typing import Any

import numpy as np
import pytest

from components.web.generated_texts import generated_texts as module
from components.web.generated_texts.generated_texts import (
    MESSAGE_BYTES,
    MOST_ROWS,
    Alternative,
    GeneratedRow,
    GeneratedToken,
    generated_texts,
    texts_message,
)
from dashboard.i18n import Catalogue


def message(*rows: GeneratedRow, **changes: Any) -> bytes:
    given: dict[str, Any] = {
        "rows": rows,
        "lut": np.zeros((256, 3), np.uint8),
        "dark": False,
        "text": Catalogue("en"),
        "can_fork": True,
    }
    return texts_message(**given | changes)


def token(label: str = "·a", *alternatives: Alternative, weight: float = 0.5, mark: str = "") -> GeneratedToken:
    return GeneratedToken(label, weight, f"note of {label}", mark, alternatives)


def told(content: bytes, row: int, step: int) -> list[tuple[str, int, str, int]]:
    """Label, id, facts and flags of each alternative, read from the message."""
    data = json.loads(content)
    numbers = data["rows"][row]["tokens"][step][4:]
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return [
        (data["labels"][data["pieces"][piece][0]], data["pieces"][piece][1], *data["facts"][fact])
        for piece, fact in pairs
    ]


def test_a_token_is_its_label_colour_marks_and_note():
    data = json.loads(message(GeneratedRow("row 3", (token("⏎", weight=1.0, mark="parted close"),), "end of text")))
    assert data["rows"][0]["name"] == "row 3" and data["rows"][0]["ending"] == "end of text"
    [[label, colour, marks, note]] = data["rows"][0]["tokens"]
    assert (data["labels"][label], colour, marks, note) == ("⏎", 255, 0b1001, "note of ⏎")
    assert len(data["words"]["marks"]) == 4 and data["words"]["marks"][0].startswith("Dotted line")


def test_the_prompt_and_the_caption_are_sent_once_as_they_are():
    rows = [GeneratedRow(f"text {number}", (token(),)) for number in (1, 2)]
    content = message(*rows, prompt="<i>So far⏎", caption="● **greedy**")
    data = json.loads(content)
    assert (data["prompt"], data["caption"]) == ("<i>So far⏎", "● **greedy**")
    assert content.count(b"<i>So far") == 1


def test_a_weight_that_does_not_exist_has_no_colour():
    data = json.loads(message(GeneratedRow("a", (token(weight=math.nan), token(weight=0.0)))))
    assert [short[1] for short in data["rows"][0]["tokens"]] == [-1, 0]


def test_alternatives_arrive_whole_and_in_order():
    content = message(
        GeneratedRow(
            "a",
            (
                token("·x", Alternative("·x", "p 0.6 · q 1", 7, chosen=True), Alternative("<b>", "p 0.1", 9, cut=True)),
                token("·y", Alternative("<b>", "p 0.1", 9), Alternative("<b>", "p 0.1", 10)),
            ),
        )
    )
    assert told(content, 0, 0) == [("·x", 7, "p 0.6 · q 1", 1), ("<b>", 9, "p 0.1", 2)]
    assert told(content, 0, 1) == [("<b>", 9, "p 0.1", 0), ("<b>", 10, "p 0.1", 0)]


def test_a_label_and_a_fact_are_sent_once_however_often_they_stand_there():
    rows = [
        GeneratedRow(f"{i}", tuple(token("·often", Alternative("·other", "rare", 1)) for _ in range(50))) for i in "ab"
    ]
    content = message(*rows).decode()
    assert content.count('"·often"') == content.count('"·other"') == content.count('"rare"') == 1


def test_an_unknown_mark_is_our_mistake_and_loud():
    with pytest.raises(ValueError, match="strange"):
        message(GeneratedRow("a", (token(mark="close strange"),)))


def test_more_alternatives_than_the_card_is_made_for_are_refused():
    with pytest.raises(ValueError, match="21 alternatives"):
        message(GeneratedRow("a", (token("a", *(Alternative("b", "", k) for k in range(21))),)))


def many(rows: int, tokens: int, label: str = "·word", facts: str = "p 0.{k} · q 0.{k}") -> list[GeneratedRow]:
    def one(row: int, step: int) -> GeneratedToken:
        others = tuple(
            Alternative(f"{label}{(step * k) % 5000}", facts.format(k=(row * 7919 + step * 31 + k) % 9000), k * step)
            for k in range(10)
        )
        note = f"{step} · id {step * 3} · p 0.{step:04} · q 0.{row:04} · rank 1"
        return GeneratedToken(f"{label}{step}", 0.5, note, "", others)

    return [GeneratedRow(f"row {row}", tuple(one(row, step) for step in range(tokens)), "end") for row in range(rows)]


@pytest.mark.parametrize(
    ("rows", "tokens", "label"),
    [(50, 500, "·word"), (1, 20_000, '"\\\n'), (30, 200, "👩‍🚀" * 60), (5000, 4, "·word"), (300, 90, "\x01" * 190)],
)
def test_a_message_stays_below_its_limit_whatever_the_texts(rows, tokens, label):
    made = many(rows, tokens, label, facts="p {k} · " + label)
    content = message(*made)
    assert len(content) <= MESSAGE_BYTES
    data = json.loads(content)
    sent = sum(len(row["tokens"]) for row in data["rows"])
    assert len(data["rows"]) == min(rows, MOST_ROWS)
    assert bool(data["left_out"]) == (sent < rows * tokens)


def test_fifty_texts_of_five_hundred_tokens_arrive_whole_with_the_alternatives_of_their_beginnings():
    data = json.loads(message(*many(50, 500)))
    assert not data["left_out"]
    for row in data["rows"]:
        lengths = [len(short) for short in row["tokens"]]
        with_all = lengths.index(5)  # the first whose alternatives had to stay away
        assert with_all >= 100
        assert set(lengths[:with_all]) == {24} and set(lengths[with_all:]) == {5}
        assert row["tokens"][-1][4] == -1


def test_texts_that_do_not_fit_keep_their_beginnings_and_it_is_said(monkeypatch):
    monkeypatch.setattr(module, "MESSAGE_BYTES", 90_000)
    data = json.loads(message(*many(4, 400)))
    lengths = [len(row["tokens"]) for row in data["rows"]]
    assert max(lengths) - min(lengths) <= 1 and 20 < max(lengths) < 400
    assert f"{sum(lengths):,} of 1,600 tokens in 4 of 4 texts" in data["left_out"]


def test_twenty_growing_texts_are_cheap_to_send():
    made = many(20, 64)
    started = time.perf_counter()
    content = message(*made, running=True)
    assert time.perf_counter() - started < 0.25
    assert len(content) < 600_000


def test_only_an_alternative_that_is_there_can_be_forked_to(monkeypatch):
    forks: list[tuple[int, int, int]] = []
    drawn: dict[str, Any] = {}
    monkeypatch.setattr(module, "_generated", lambda **given: drawn.update(given))
    generated_texts(
        rows=[GeneratedRow("a", (token("·x", Alternative("·x", "p", 7, chosen=True), Alternative("·y", "p", 9)),))],
        lut=np.zeros((256, 3), np.uint8),
        dark=False,
        text=Catalogue("en"),
        key="texts",
        on_fork=lambda *fork: forks.append(fork),
    )
    for row, step, chosen in [(0, 0, 9), (0, 0, 8), (0, 1, 9), (1, 0, 9), (-1, 0, 9), (0, -1, 9)]:
        fork = {"fork": {"row": row, "step": step, "id": chosen}}
        monkeypatch.setattr(module.st, "session_state", {"texts": fork})
        drawn["on_fork_change"]()
    assert forks == [(0, 0, 9)]
