"""Chats as messages: the tokens are those of plain transformers' `apply_chat_template`, whatever the template does."""

import json
from datetime import datetime

import pytest

from dashboard.conversation import ASSISTANT, SYSTEM, USER, Conversation, Turn
from dashboard.engine.tokenizing.prompt_reader import PromptReader
from dashboard.errors import ChatTemplateFailed, ChatToolsUnreadable, PromptTooLarge
from tests.made.chat_templates import TEMPLATES
from tests.made.tokenizer_zoo import KINDS

TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"a": 1.5, "b": [None, True, "ñ<b>"]}}}]
TURNS = (
    Turn(SYSTEM, "Be {{ brief }} <|end|>"),
    Turn(USER, "the nurse said\n\n"),
    Turn(ASSISTANT, "  {% raw %} the teacher 👩‍👩‍👧"),
)
CHATS = {
    "alone": Conversation(),
    "system": Conversation(TURNS[:1]),
    "turns": Conversation(TURNS),
    "without system": Conversation(TURNS[1:]),
    "thinking": Conversation(TURNS, thinking=True),
    "not thinking": Conversation(TURNS, thinking=False),
    "tools": Conversation(TURNS[:1], tools=json.dumps(TOOLS, ensure_ascii=False)),
    "all": Conversation(TURNS, thinking=False, tools=json.dumps(TOOLS, indent=2)),
}


def tokenizer_with(template, kind="added tokens"):
    tokenizer = KINDS[kind].build()
    tokenizer.chat_template = template
    return tokenizer


def read(tokenizer, conversation, prompt="the nurse works <b>", **options):
    return PromptReader(tokenizer).read(
        prompt, **{"chat": True, "limit": 4096, "model": "m", "conversation": conversation, **options}
    )


def plain_ids(tokenizer, conversation, prompt="the nurse works <b>"):
    """As a person calls transformers: every switch is passed, read or not."""
    messages = [{"role": turn.role, "content": turn.content} for turn in conversation.turns]
    messages.append({"role": "user", "content": prompt})
    switches = {} if conversation.thinking is None else dict.fromkeys(("enable_thinking", "thinking"))
    switches = dict.fromkeys(switches, conversation.thinking)
    tools = json.loads(conversation.tools) if conversation.tools else None
    ids = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, tools=tools, return_dict=False, **switches
    )
    return tuple(ids)


@pytest.mark.parametrize("chat", CHATS)
@pytest.mark.parametrize("name", [name for name in TEMPLATES if name not in {"raises", "broken", "undefined"}])
def test_the_tokens_of_a_chat_are_those_of_plain_transformers(name, chat):
    tokenizer, conversation = tokenizer_with(TEMPLATES[name]), CHATS[chat]
    if name == "no system" and conversation.turns[:1] == TURNS[:1]:
        with pytest.raises(ChatTemplateFailed, match="System role not supported"):
            read(tokenizer, conversation)
        return
    expected = plain_ids(tokenizer, conversation)
    prompt = read(tokenizer, conversation)
    assert prompt.ids == expected
    assert prompt.template == "chat"


@pytest.mark.parametrize(
    "kind", ["byte level", "Llama 2", "Llama 2 that appends", "WordPiece, BERT", "in Python, ByT5"]
)
def test_nor_does_the_kind_of_tokenizer_matter(kind):
    tokenizer = tokenizer_with(TEMPLATES["plain"], kind)
    conversation = Conversation((Turn(SYSTEM, "the teacher"), Turn(USER, "the nurse"), Turn(ASSISTANT, "said")))
    assert read(tokenizer, conversation, "the nurse").ids == plain_ids(tokenizer, conversation, "the nurse")


def test_each_part_of_a_conversation_changes_the_tokens_where_the_template_reads_it():
    for name, parts in {
        "plain": {"alone", "system", "turns"},
        "thinking": {"thinking", "not thinking"},
        "thinking, the other name": {"thinking", "not thinking"},
        "tools": {"system", "tools"},
        "tools, a template of their own": {"system", "tools"},
    }.items():
        tokenizer = tokenizer_with(TEMPLATES[name])
        assert len({read(tokenizer, CHATS[part]).ids for part in parts}) == len(parts), name


def test_a_prompt_alone_is_one_user_message_as_before():
    tokenizer = tokenizer_with(TEMPLATES["plain"])
    alone = PromptReader(tokenizer).read("the nurse", chat=True, limit=4096, model="m").ids
    assert alone == plain_ids(tokenizer, Conversation(), "the nurse")


def test_a_conversation_stays_outside_a_prompt_that_stands_in_no_template():
    tokenizer = tokenizer_with(TEMPLATES["plain"])
    assert read(tokenizer, CHATS["all"], chat=False).ids == tuple(tokenizer("the nurse works <b>")["input_ids"])


@pytest.mark.parametrize(
    ("name", "reads"),
    [
        ("plain", ()),
        ("no system", ()),
        ("raises", ()),
        ("broken", ()),
        ("dates", ("date",)),
        ("thinking", ("thinking",)),
        ("thinking, the other name", ("thinking",)),
        ("thinking, set where it is missing", ("thinking",)),
        ("a variable of its own named thinking", ()),
        ("tools", ("tools",)),
        ("tools, a template of their own", ("tools",)),
        ("generation marked", ("thinking",)),
    ],
)
def test_switches_are_those_that_the_template_reads(name, reads):
    assert PromptReader(tokenizer_with(TEMPLATES[name])).chat_template.reads == reads


def test_a_date_is_that_of_the_day():
    prompt = read(tokenizer_with(TEMPLATES["dates"]), Conversation())
    assert f"{datetime.now():%Y}" in b"".join(token.raw for token in prompt.tokens).decode()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("raises", "Conversation roles must alternate <b>user</b>/assistant"),
        ("broken", "unexpected"),
        ("undefined", "'nothing' is undefined"),
    ],
)
def test_what_a_template_refuses_is_said_in_its_own_words(name, words):
    with pytest.raises(ChatTemplateFailed) as error:
        read(tokenizer_with(TEMPLATES[name]), CHATS["turns"])
    assert words in error.value.facts["reason"]


@pytest.mark.parametrize("tools", ["x", "{}", "[1]", '[{"a": 1, "a": 2}]', '[{"a": NaN}]', "[" * 100_000])
def test_tools_that_are_no_list_of_objects_are_said_as_such_where_they_are_read(tools):
    with pytest.raises(ChatToolsUnreadable):
        read(tokenizer_with(TEMPLATES["tools"]), Conversation(tools=tools), limit=100_000)
    plain = tokenizer_with(TEMPLATES["plain"])
    assert read(plain, Conversation(tools=tools), limit=100_000).ids == plain_ids(plain, Conversation())


def test_a_conversation_that_cannot_fit_is_refused_before_it_is_tokenised():
    with pytest.raises(PromptTooLarge):
        read(tokenizer_with(TEMPLATES["plain"]), Conversation((Turn(USER, "a" * 1000),)), limit=10)


def test_half_a_character_becomes_the_sign_for_one():
    tokenizer = tokenizer_with(TEMPLATES["plain"])
    half = read(tokenizer, Conversation((Turn(SYSTEM, "a\ud800"),)))
    assert half.ids == plain_ids(tokenizer, Conversation((Turn(SYSTEM, "a\ufffd"),)))
