"""Messages of a chat in a link: what was written is read again, and what cannot be a chat is refused in words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.conversation import MOST_TURNS, ROLES, Conversation, Turn, read_turns, written_turns
from dashboard.i18n import LANGUAGES, Catalogue
from dashboard.parsing.unreadable import Unreadable

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.lists(st.builds(Turn, st.sampled_from(ROLES[1:]), TEXT), max_size=6), st.none() | TEXT)
def test_what_is_written_is_read_again(turns, system):
    whole = (*([Turn("system", system)] if system else []), *turns)
    assert read_turns(written_turns(whole)) == whole


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x", "json.syntax"),
        ("{}", "chat.why.pairs"),
        ("[1]", "chat.why.pairs"),
        ('[["user"]]', "chat.why.pairs"),
        ('[["user", 1]]', "chat.why.pairs"),
        ('[{"role": "user", "content": "a"}]', "chat.why.pairs"),
        ('[["tool", "a"]]', "chat.why.role"),
        ('[["User", "a"]]', "chat.why.role"),
        ('[["<b>", "a"]]', "chat.why.role"),
        ('[["user", "a"], ["system", "b"]]', "chat.why.system"),
        ('[["user", ""]]', "chat.why.empty"),
        ('[["user", "\\ud800"]]', "json.half_character"),
        (json.dumps([["user", "a"]] * (MOST_TURNS + 1)), "chat.why.many"),
        ("[" * 100_000, "json.depth"),
    ],
)
def test_what_is_no_chat_is_refused_in_words(text, reason):
    with pytest.raises(Unreadable) as error:
        read_turns(text)
    message = error.value.message
    assert message.id == reason
    assert all(Catalogue(language)(message.id, **message.facts) for language in LANGUAGES)


def test_the_prompt_is_the_last_user_message():
    chat = Conversation((Turn("system", "a"), Turn("user", "b"), Turn("assistant", "c")))
    assert [message["role"] for message in chat.messages("d")] == ["system", "user", "assistant", "user"]
    assert chat.messages("d")[-1]["content"] == "d"


@pytest.mark.parametrize("tools", ["", " \n", "[]"])
def test_no_tools_are_none(tools):
    assert Conversation(tools=tools).tool_list() is None
