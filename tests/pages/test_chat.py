"""A chat as messages: boxes of turns where a model has a template, switches where that reads them, and the link."""

import ast
import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from components.shell.link import LIST_CHARACTERS
from dashboard.i18n import Catalogue
from dashboard.scripts.prediction import candidates_script
from tests.made.chat_templates import TEMPLATES
from tests.made.tokenizer_zoo import saved
from tests.pages.test_bias import words

TEXT = Catalogue("en")
TURNS = [["system", "be <b>kind</b>"], ["user", "the nurse"], ["assistant", "said *that*"]]
LINK = {"prompt": "the teacher", "chat": "true", "chat_turns": json.dumps(TURNS, separators=(",", ":"))}


@pytest.fixture
def open_chat(open_page, tmp_path, monkeypatch):
    """Open the Next token page with a model of a chat template."""

    def opened(template, **params):
        folder = saved(tmp_path, "added tokens", TEMPLATES.get(template))
        monkeypatch.setenv("LOGITSCOPE_LOCAL_MODELS", str(folder))
        monkeypatch.setenv("LOGITSCOPE_MODEL", f"local/{folder.name}")
        at = open_page("next_token", LINK | params)
        assert not at.exception
        return at

    return opened


def read_text(at):
    return b"".join(token.raw for token in at.session_state["_view"].tokens.tokens).decode()


def boxes(at):
    return [(box.label, box.value) for box in at.sidebar.text_area]


def in_link(at, name):
    """A value of the URL: AppTest has those that were written as lists."""
    value = at.query_params[name]
    return value if isinstance(value, str) else value[0]


def turns_in_link(at):
    return json.loads(in_link(at, "chat_turns")) if "chat_turns" in at.query_params else []


def test_a_link_restores_every_message_and_the_model_reads_them(open_chat):
    at = open_chat("plain")
    expected = "<|system|>be <b>kind</b><|end|><|user|>the nurse<|end|><|assistant|>said *that*<|end|>"
    assert read_text(at) == f"{expected}<|user|>the teacher<|end|><|assistant|>"
    assert boxes(at) == [
        (TEXT("chat.system"), "be <b>kind</b>"),
        (TEXT("chat.user"), "the nurse"),
        (TEXT("chat.assistant"), "said *that*"),
        (TEXT("sidebar.prompt"), "the teacher"),
    ]
    assert turns_in_link(at) == TURNS


@pytest.mark.parametrize("switches", [{}, {"chat_thinking": "on", "chat_tools": '[{"name": "<b>", "most": 1.50}]'}])
@pytest.mark.parametrize("template", ["plain", "thinking", "tools, a template of their own"])
def test_run_and_script_have_the_token_ids_of_plain_transformers(open_chat, template, switches, tmp_path):
    from transformers import AutoTokenizer

    view = open_chat(template, **switches).session_state["_view"]
    messages = [{"role": role, "content": content} for role, content in [*TURNS, ["user", "the teacher"]]]
    options = {"tools": json.loads(switches["chat_tools"]), "enable_thinking": True} if switches else {}
    plain = AutoTokenizer.from_pretrained(tmp_path / "added-tokens")
    ids = plain.apply_chat_template(messages, add_generation_prompt=True, return_dict=False, **options)
    assert list(view.key.token_ids) == ids
    assert view.key.template == "chat"
    written = re.search(r"^TOKEN_IDS = (\[[^]]*])", candidates_script(view.card, view.key, 0, 3), re.MULTILINE)
    assert ast.literal_eval(written[1]) == ids


def test_turns_are_added_filled_emptied_and_removed(open_chat):
    at = open_chat("plain", chat_turns="")
    assert turns_in_link(at) == []
    at.button(key="chat_add_user").click().run()
    at.button(key="chat_add_assistant").click().run()
    assert read_text(at) == "<|user|>the teacher<|end|><|assistant|>"
    at.text_area(key="chat_turn_1").set_value("first")
    at.text_area(key="chat_turn_2").set_value("second")
    at.text_area(key="chat_system").set_value("sys")
    at.button(key="prompt_run").click().run()
    assert turns_in_link(at) == [["system", "sys"], ["user", "first"], ["assistant", "second"]]
    at.text_area(key="chat_turn_1").set_value("")
    at.button(key="prompt_run").click().run()
    assert turns_in_link(at) == [["system", "sys"], ["assistant", "second"]]
    assert [label for label, _ in boxes(at)].count(TEXT("chat.user")) == 0
    at.button(key="chat_remove").click().run()
    assert turns_in_link(at) == [["system", "sys"]]
    assert read_text(at) == "<|system|>sys<|end|><|user|>the teacher<|end|><|assistant|>"
    assert not at.exception


def test_the_chat_stays_while_the_template_is_switched_off(open_chat):
    at = open_chat("plain")
    at.toggle(key="chat").set_value(False)
    at.button(key="prompt_run").click().run()
    assert read_text(at) == "the teacher"
    assert len(boxes(at)) == 1
    at.toggle(key="chat").set_value(True)
    at.button(key="prompt_run").click().run()
    assert "be <b>kind</b>" in read_text(at)
    assert len(boxes(at)) == 4


@pytest.mark.parametrize(
    ("template", "shown"),
    [("plain", set()), ("thinking", {"chat_thinking"}), ("tools", {"chat_tools"})],
)
def test_switches_stand_only_where_the_template_reads_them(open_chat, template, shown):
    at = open_chat(template, chat_thinking="off", chat_tools='[{"name": "x"}]')
    keys = {box.key for box in at.sidebar.text_area} | {group.key for group in at.sidebar.get("button_group")}
    assert keys & {"chat_thinking", "chat_tools"} == shown
    for name in ("thinking", "tools"):
        assert (TEXT(f"chat.unread_{name}") in words(at)) == (f"chat_{name}" not in shown)
    assert ("<think></think>" in read_text(at)) == (template == "thinking")
    assert ('{"name": "x"}' in read_text(at)) == (template == "tools")
    assert {"chat_thinking", "chat_tools"} <= set(at.query_params)


def test_what_a_template_refuses_is_said_and_nothing_is_lost(open_chat):
    at = open_chat("no system")
    assert "refuses the prompt: System role not supported" in words(at)
    assert turns_in_link(at) == TURNS
    at.text_area(key="chat_system").set_value("")
    at.button(key="prompt_run").click().run()
    assert "ls-advice" not in words(at)
    assert turns_in_link(at) == TURNS[1:]


def test_words_of_a_template_are_data(open_chat):
    at = open_chat("raises")
    advice = next(str(element.proto.body) for element in at.get("html") if "ls-advice" in str(element.proto.body))
    assert "alternate &lt;b&gt;user&lt;/b&gt;/assistant" in advice


def test_tools_that_cannot_be_read_stay_to_be_mended(open_chat):
    at = open_chat("tools", chat_tools='[{"name": }]')
    assert "The tools of the chat cannot be read: no valid JSON at line 1, character 11" in words(at)
    at.text_area(key="chat_tools").set_value("no list")
    at.button(key="prompt_run").click().run()
    assert "cannot be read" in words(at)
    again = open_chat("tools", chat_tools=in_link(at, "chat_tools"))
    assert again.text_area(key="chat_tools").value == "no list"


@pytest.mark.parametrize(("template", "named"), [("dates", True), ("plain", False)])
def test_a_date_that_the_template_writes_is_named(open_chat, template, named):
    assert (TEXT("chat.dated") in words(open_chat(template))) == named


def test_a_model_without_a_template_says_so_and_keeps_the_chat(open_chat):
    at = open_chat("none")
    assert TEXT("chat.no_template") in words(at)
    assert (read_text(at), turns_in_link(at)) == ("the teacher", TURNS)


@pytest.mark.parametrize(
    "turns",
    ['[["tool","x"]]', "nonsense", "[", '[["user","x"],["system","<b>"]]'],
    ids=["role", "packed", "json", "system"],
)
def test_a_chat_of_a_link_that_cannot_be_read_is_named_and_the_prompt_stands(open_chat, turns):
    at = open_chat("plain", chat_turns=turns)
    assert TEXT("link.dropped") in words(at)
    assert "chat_turns:" in words(at)
    assert read_text(at) == "<|user|>the teacher<|end|><|assistant|>"


def test_a_chat_too_long_for_a_link_is_said_and_kept(open_chat):
    at = open_chat("plain")
    noise = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(LIST_CHARACTERS))
    at.text_area(key="chat_system").set_value(noise)
    at.button(key="prompt_run").click().run()
    assert TEXT("chat.not_in_link") in words(at)
    assert "chat_turns" not in at.query_params
    at.run()
    assert at.text_area(key="chat_system").value == noise


def test_a_link_for_a_class_carries_the_chat_of_the_persons_own_prompt(open_page):
    own = {"lesson_own": "true", "chat_thinking": "on", "chat_tools": "[]"}
    at = open_page("lessons", LINK | own)
    query = parse_qs(urlsplit(at.code[0].value).query)
    assert {name: values[0] for name, values in query.items()}.items() >= (LINK | own).items() - {
        ("lesson_own", "true")
    }
    at.toggle(key="lesson_own").set_value(False).run()
    assert "chat" not in at.code[0].value
