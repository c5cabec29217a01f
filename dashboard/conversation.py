"""Conversation: the messages around a prompt in a chat, its thinking switch and tools, and their form in a link."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.parsing.strict_json import read_json
from dashboard.parsing.unreadable import Unreadable

SYSTEM, USER, ASSISTANT = ROLES = ("system", "user", "assistant")
MOST_TURNS = 64
"""Messages before the prompt."""


@dataclass(frozen=True)
class Turn:
    """One message of a chat."""

    role: str
    """One of ROLES."""
    content: str
    """As typed; data for the chat template, never part of it."""


@dataclass(frozen=True)
class Conversation:
    """What a chat template gets beside the prompt, which is the last user message; empty: the prompt alone."""

    turns: tuple[Turn, ...] = ()
    """Before the prompt, in order; a system message only as the first."""
    thinking: bool | None = None
    """The template's own switch for thinking; ``None``: as the template has it."""
    tools: str = ""
    """JSON: a list of objects, as typed; empty: no tools."""

    def messages(self, prompt: str) -> list[dict[str, str]]:
        """The chat as transformers takes it, with `prompt` as the last user message."""
        earlier = [{"role": turn.role, "content": turn.content} for turn in self.turns]
        return [*earlier, {"role": USER, "content": prompt}]

    def tool_list(self) -> list[dict[str, Any]] | None:
        """The tools as transformers takes them; ``None``: none.

        Raises:
            Unreadable: no JSON, or another thing than a list of objects.
        """
        if not self.tools.strip():
            return None
        tools = read_json(self.tools)
        if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
            raise Unreadable("chat.why.tools")
        return tools or None

    @property
    def characters(self) -> int:
        """Characters of all that is typed beside the prompt."""
        return len(self.tools) + sum(len(turn.content) for turn in self.turns)


ALONE = Conversation()
"""The prompt is the only message."""


def written_turns(turns: Sequence[Turn]) -> str:
    """Turns as a link has them: a JSON list of [role, content]; empty: none."""
    pairs = [[turn.role, turn.content] for turn in turns]
    return json.dumps(pairs, ensure_ascii=False, separators=(",", ":")) if pairs else ""


def read_turns(text: str) -> tuple[Turn, ...]:
    """The turns that `written_turns` wrote.

    Raises:
        Unreadable: no list of [role, content], an unknown role, a system message that is not the first, a message
            without text, or more than MOST_TURNS.
    """
    if not text:
        return ()
    pairs = read_json(text)
    if not isinstance(pairs, list) or not all(_is_pair(pair) for pair in pairs):
        raise Unreadable("chat.why.pairs")
    if len(pairs) > MOST_TURNS:
        raise Unreadable("chat.why.many", turns=len(pairs), most=MOST_TURNS)
    for place, (role, content) in enumerate(pairs):
        if role not in ROLES:
            raise Unreadable("chat.why.role", role=role[:40], roles=", ".join(ROLES))
        if role == SYSTEM and place:
            raise Unreadable("chat.why.system", number=place + 1)
        if not content:
            raise Unreadable("chat.why.empty", number=place + 1)
    return tuple(Turn(role, content) for role, content in pairs)


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)
