"""Names that people type stand in labels, options and tooltips as typed: Streamlit reads those as Markdown."""

import dataclasses
import re

import pytest

from components.shell.messages import literal_label
from components.shell.model_picker import model_names
from dashboard.engine.api.model import ModelSpec
from dashboard.probes.spec import OWN, ProbeSpec
from dashboard.sampling.columns import ColumnSpec, written

HOSTILE = [
    *("**bold**", ":red[x]", "[a](http://e.com)", "![i](http://e.com/i.png)", ":smile:", ":material/home:", "$x^2$"),
    *(
        "`code`",
        "<b>h</b>",
        "a -> b",
        "__name__",
        "~~s~~",
        "# x",
        "1. x",
        "- x",
        "www.e.com",
        "a@e.com",
        "\\*",
        "&amp;",
    ),
]
JOINER = "\u2060"


def markdown_of(at):
    """Everything on a page that Streamlit reads as Markdown."""
    found = []

    def walk(node):
        for child in getattr(node, "children", {}).values():
            walk(child)
        proto = getattr(node, "proto", None)
        if proto is None or node.type == "html":
            return
        found.extend(str(getattr(proto, name, "")) for name in ("label", "help"))
        if node.type in {"markdown", "progress"}:
            found.extend(str(getattr(proto, name, "")) for name in ("body", "text"))
        if node.type in {"button_group", "segmented_control", "pills", "radio"}:
            found.extend(str(getattr(option, "content", option)) for option in proto.options)

    walk(at._tree)
    return [text for text in found if text]


def as_markdown(names, labels):
    """Labels in which one of `names` stands unescaped."""
    return [label for label in labels for name in names if name in label.replace(literal_label(name), "")]


@pytest.mark.parametrize("text", HOSTILE)
def test_every_sign_is_escaped_and_the_text_is_what_was_typed(text):
    literal = literal_label(text)
    assert re.sub(r"\\(.)|" + JOINER, r"\1", literal) == text
    assert all(len(found) % 2 for found in re.findall(r"(\\*)[*_`\[\]()<>$~#&:!.@-]", literal))


@pytest.mark.parametrize("sign", [":smile:", "http://", "a@e", "www.e", "->", "<-", "--", ">=", "~="])
def test_what_streamlit_finds_in_plain_text_is_not_there_even_without_its_backslashes(sign):
    assert sign not in literal_label(f"x {sign} y").replace("\\", "")


def test_ordinary_names_stay_as_they_are_but_for_backslashes():
    assert literal_label("T 0.7 · top_p 0.9").replace("\\", "") == "T 0.7 · top_p 0.9"
    assert literal_label("a\n  b") == "a b"


def test_columns_named_like_markdown_are_literal_in_every_label(open_recorded):
    names = ["**bold** :red[x] :smile: -> $x^2$ `code`", "[a](http://e.com)", "<b>h</b> __n__ ~~s~~ www.e.com", "1. x"]
    specs = [ColumnSpec(name=name, do_sample=False, max_new_tokens=2) for name in names]
    at = open_recorded("sampling", {"prompt": "zebra", "sampling_columns": written(specs)})
    assert not at.exception
    assert not as_markdown(names, markdown_of(at))


@pytest.mark.parametrize("view", ["exact", "gap"])
def test_slots_words_and_completions_named_like_markdown_are_literal_in_every_label(open_recorded, view):
    spec = ProbeSpec(
        templates=("**The** {__name__} [saw](http://e.com) a",),
        neutral=(":red[x]",),
        words=(("__name__", ", ".join(name for name in HOSTILE if "," not in name)),),
        lexicon=OWN,
        own="\n".join(f'"{name}"' for name in HOSTILE),
        article=False,
        boundary=False,
    )
    at = open_recorded("bias", {"prompt": "zebra", "bias_probe": spec.written(), "bias_view": view})
    assert not at.exception
    labels = markdown_of(at)
    assert any(literal_label("__name__") in label for label in labels)
    assert not as_markdown([*HOSTILE, "**The**"], labels)


def test_a_model_named_like_markdown_is_literal_while_it_loads(monkeypatch):
    from streamlit.testing.v1 import AppTest

    def page():
        import time

        from components.shell.waiting import wait_for
        from dashboard.i18n import Catalogue

        wait_for(lambda job: time.sleep(0.8), "Loading **x** :red[y]", text=Catalogue("en"), what="load")

    shown = []
    monkeypatch.setattr("streamlit.progress", lambda value, text=None: shown.append(text) or _Bar(shown))
    AppTest.from_function(page, default_timeout=30).run()
    assert set(shown) == {literal_label("Loading **x** :red[y]")}


@dataclasses.dataclass
class _Bar:
    """Stands for Streamlit's progress bar."""

    shown: list

    def progress(self, value, text=None):
        self.shown.append(text)


def test_models_of_one_name_are_told_apart_by_their_id():
    specs = [ModelSpec(f"local/{run}/checkpoint-500", "checkpoint-500", "local") for run in ("a", "b")]
    names = model_names([*specs, ModelSpec("gpt2", "gpt2", "hub")])
    assert names["gpt2"] == "gpt2"
    assert len(set(names.values())) == 3
    assert "local/a/checkpoint-500" in names["local/a/checkpoint-500"]
