"""ChatTemplate: a conversation as the tokenizer's own chat template writes it, and what that template reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.conversation import Conversation
from dashboard.errors import ChatToolsUnreadable
from dashboard.parsing.unreadable import Unreadable
from dashboard.tokens import without_surrogates

THINKING = ("enable_thinking", "thinking")
"""Variables by which templates are told whether the model is to think before it answers."""
_DATE = "strftime_now"
_BY_TOOLS = "tool_use"
"""Name of the template that transformers takes instead of the default where there are tools."""


class ChatTemplate:
    """The chat template of one tokenizer; it may have none, or several by name."""

    def __init__(self, tokenizer: Any) -> None:
        """Find out which template is used and what it reads.

        Args:
            tokenizer: of transformers.
        """
        self._tokenizer = tokenizer
        template = getattr(tokenizer, "chat_template", None)
        self.exists = bool(template)
        named: Mapping[str, str] = template if isinstance(template, dict) else {}
        self.name = "" if "default" in named else next(iter(named), "")
        """Which of several it is; empty where there is one, or a default."""
        if not named:
            used = [template] if template else []
        elif self.name:
            used = [named[self.name]]
        else:
            used = [named[name] for name in ("default", _BY_TOOLS) if name in named]
        self._variables = frozenset[str]().union(*map(_variables, used))
        dated = any(_DATE in text for text in used)
        asked = {
            "thinking": bool(self._variables.intersection(THINKING)),
            "tools": "tools" in self._variables or (not self.name and _BY_TOOLS in named),
            "date": dated,
        }
        self.reads = tuple(name for name, is_read in asked.items() if is_read)
        """What it asks for beside messages: ``thinking``, ``tools``, and ``date``: that of the day."""

    def written(self, prompt: str, conversation: Conversation) -> str:
        """The text of a chat whose last message is `prompt`, with the beginning of an answer.

        What the template does not read (thinking, tools) it is not given. Raises what the template raises.

        Raises:
            ChatToolsUnreadable: the tools are no list of objects in JSON.
        """
        options: dict[str, Any] = {"chat_template": self.name} if self.name else {}
        if conversation.thinking is not None:
            options |= {name: conversation.thinking for name in THINKING if name in self._variables}
        if "tools" in self.reads:
            options["tools"] = _tools(conversation)
        messages = [
            {"role": message["role"], "content": without_surrogates(message["content"])}
            for message in conversation.messages(prompt)
        ]
        return str(self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False, **options))


def _tools(conversation: Conversation) -> list[dict[str, Any]] | None:
    try:
        return conversation.tool_list()
    except Unreadable as error:
        raise ChatToolsUnreadable(why=error.message) from error


def _variables(template: str) -> frozenset[str]:
    """Variables that a template reads and does not set itself first; none of one that cannot be parsed."""
    from jinja2 import TemplateError, meta
    from transformers.utils.chat_template_utils import _compile_jinja_template

    try:
        environment = _compile_jinja_template(template).environment
        return frozenset(meta.find_undeclared_variables(environment.parse(template)))
    except TemplateError:  # said in the template's words when a prompt is put into it
        return frozenset()
