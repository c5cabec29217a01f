"""What somebody else wrote in a link or a file is read, or refused in words that can be shown: never an exception."""

import json
from dataclasses import asdict

import pytest

from dashboard.i18n import Catalogue
from dashboard.parsing.strict_json import parsed_json, read_json
from dashboard.parsing.unreadable import Unreadable
from dashboard.probes import spec as probes
from dashboard.probes.presets import presets
from dashboard.probes.spec import ProbeSpec
from dashboard.sampling import columns, forks
from dashboard.sampling.columns import ColumnSpec
from dashboard.tokens import visible_text
from dashboard.view_state import FIELDS, check, parse_ranges, unpack_prompt
from tests.made.hostile import HALF, JSON_TEXTS, NUMBERS, PACKED, TEXTS, with_each

CATALOGUES = (Catalogue("en"), Catalogue("es"))
PROBE = ProbeSpec.of(presets()[0])


def shown(text: str) -> str:
    """`text`, which a page could send to a browser."""
    text.encode()
    return text


@pytest.mark.parametrize("name", [*FIELDS, "unknown"])
def test_every_parameter_reads_or_names_every_value(name):
    for value in (*TEXTS, *NUMBERS, *JSON_TEXTS, *PACKED):
        if HALF in value:
            continue  # no address carries one
        for values in ([value], [value, value]):
            problem = check(name, values)
            if problem is None:
                continue
            for text in CATALOGUES:
                said = text(
                    f"link.{problem.reason}",
                    name=visible_text(problem.name),
                    value=visible_text(problem.value[:80]),
                    **dict(problem.facts),
                )
                assert shown(said)


@pytest.mark.parametrize("packed", PACKED)
def test_a_compressed_prompt_is_a_text_that_can_be_shown_or_damaged(packed):
    try:
        prompt = unpack_prompt({"pz": packed})
    except ValueError:
        return
    assert prompt in {"", "a\0b"}


COLUMNS = [*JSON_TEXTS, *(f"[{text}]" for text in with_each(asdict(ColumnSpec())))]


def test_columns_of_a_link_are_such_as_the_page_works_with_or_refused_in_words():
    whole = 0
    for text in COLUMNS:
        try:
            specs = columns.read(text)
        except Unreadable as error:
            for words in CATALOGUES:
                assert shown(words(error.message.id, **error.message.facts))
            continue
        whole += 1
        assert columns.read(shown(columns.written(specs))) == specs
        assert all(shown(spec.label) and spec.column() for spec in specs)
        assert columns.read_file(columns.file_of(specs)) == specs
    assert 0 < whole < len(COLUMNS)


def test_a_file_of_columns_is_read_by_the_same_rule():
    for text in COLUMNS:
        file = f'{{"format":"logitscope-sampling","version":1,"columns":{text}}}'.encode("utf-8", "surrogatepass")
        try:
            assert columns.read_file(file) == columns.read(text)
        except Unreadable as error:
            assert shown(CATALOGUES[0](error.message.id, **error.message.facts))


@pytest.mark.parametrize("seed", ["9" * 400, "9" * 5000, "1e999", str(2**64), "-1", "1.0", "NaN"])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(Unreadable):
        columns.read(f'[{{"seed":{seed}}}]')


def test_probes_of_a_link_are_such_as_the_page_works_with_or_refused_in_words():
    whole = 0
    texts = [*JSON_TEXTS, *with_each(PROBE.facts())]
    for text in texts:
        try:
            spec = probes.read(text)
        except Unreadable as error:
            for words in CATALOGUES:
                assert shown(words(error.message.id, **error.message.facts))
            continue
        whole += 1
        assert probes.read(shown(spec.written())) == spec
    assert 0 < whole < len(texts)


def test_forks_and_ranges_are_read_or_refused():
    for text in (
        *TEXTS,
        *NUMBERS,
        *JSON_TEXTS,
        "0.0.0." + "9" * 5000,
        "٠.٠.٠.١",
        "f999.1.2",
        ",".join(["0.0.0.1"] * 31),
    ):
        for read in (forks.read, lambda text: parse_ranges(text, 9)):
            try:
                assert isinstance(read(text), tuple)
            except Unreadable as error:
                for words in CATALOGUES:
                    assert shown(words(error.message.id, **error.message.facts))
            except ValueError as error:
                assert len(str(error)) < 100


@pytest.mark.parametrize(
    ("text", "why", "english"),
    [
        ('{"a":"\\ud800"}', "half_character", "half a character (a lone surrogate) at line 1, character 7"),
        ('["\\udc00\\ud800"]', "half_character", "half a character"),
        (f'["{HALF}"]', "half_character", "half a character"),
        ('["\\\\ud800",\n"\\ud83d\\ude00",\n"\\ude00"]', "half_character", "at line 3, character 2"),
        ("[" * 20_000, "depth", "nested too deeply"),
        ("9" * 400, "digits", "400 digits"),
        ("1e999", "not_finite", "1e999"),
        ("NaN", "not_finite", "NaN"),
        ('{"a":1,"a":2}', "repeated", "“a” stands twice"),
        ("[\n[", "syntax", "no valid JSON at line 2, character 2"),
    ],
)
def test_strict_json_says_why_it_does_not_read_in_both_languages(text, why, english):
    with pytest.raises(Unreadable) as refused:
        read_json(text)
    message = refused.value.message
    assert message.id == f"json.{why}"
    said, in_spanish = (words("link.why", name="x", why=message) for words in CATALOGUES)
    assert english in said
    assert in_spanish != said


def test_a_file_may_say_a_name_twice_but_not_half_a_character():
    assert parsed_json('{"a":1,"a":2}') == {"a": 2}
    for text, why in (('"\\ud800"', "half_character"), ("9" * 5000, "digits")):
        with pytest.raises(Unreadable) as refused:
            parsed_json(text)
        assert refused.value.message.id == f"json.{why}"


@pytest.mark.parametrize(
    "found", [[1, 1.5, -0.0, "é👩‍👩‍👧", "\\ud800", "\0", {"a": None, "b": [True]}], "\u2028", 2**64 - 1, 1e308]
)
def test_what_is_json_is_read_as_it_is(found):
    for ascii_only in (True, False):
        assert read_json(json.dumps(found, ensure_ascii=ascii_only)) == found
