"""Errors of a prompt and of what is asked of the model with it."""

from __future__ import annotations

from dashboard.errors.base import DashboardError


# -- the prompt -------------------------------------------------------------------------------------------------------
class PromptEmpty(DashboardError):
    """No text, or text that gives no token."""


class PromptTooLong(DashboardError):
    """More tokens than the model reads or the operator allows. Facts: ``tokens, limit, model``."""


class PromptTooLarge(DashboardError):
    """More characters than are worth tokenising. Facts: ``characters, limit``."""


class TokenizerFailed(DashboardError):
    """The model's tokenizer cannot read a text. Facts: ``reason``, in its own words."""


class ChatTemplateFailed(DashboardError):
    """The model's chat template refuses the messages. Facts: ``reason``, in its own words."""


class ChatToolsUnreadable(DashboardError):
    """The tools of a chat are no list of objects in JSON. Facts: ``why`` (a `Message`)."""


class TokenBeyondModel(DashboardError):
    """A token that was added to the tokenizer alone: the model has no embedding for it. Facts: ``token, id, size``."""


# -- a run ------------------------------------------------------------------------------------------------------------
class RunTooLarge(DashboardError):
    """The run alone would exceed the memory kept for runs. Facts: ``tokens, needed, limit`` [MB]."""


class GenerationTooLong(DashboardError):
    """Prompt and new tokens are more than the model reads. Facts: ``tokens, new, limit``."""


class GenerationTooLarge(DashboardError):
    """More rows and tokens than one run may make. Facts: ``tokens, limit, needed`` and ``allowed`` [MB]."""


class NothingLeft(DashboardError):
    """Settings and the model's rules cut every token, so that none can be taken. Facts: ``names``."""


class TextsUnfinished(DashboardError):
    """Others took the device before texts that are counted were whole."""


class NothingToScore(DashboardError):
    """An entry of a list gives no token whose probability could be told. Facts: ``place``, 1 = the first."""


class ScoresTooLong(DashboardError):
    """A text to score is longer than the model reads. Facts: ``tokens, limit``."""


class ScoresTooLarge(DashboardError):
    """More tokens to score than one request may have. Facts: ``tokens, limit``."""


class NoTextStart(DashboardError):
    """The tokenizer has no special token after which a text could begin. Facts: ``model``."""


class WordsNotMarked(DashboardError):
    """The tokenizer tells neither where words begin nor where they end."""


class LayerHasNoAttention(DashboardError):
    """The layer has no attention map to show. Facts: ``layer, reason``."""


class LayerHasFewerHeads(DashboardError):
    """Layers differ in how many heads they have, and this one lacks the head. Facts: ``layer, head, heads``."""


class OutOfMemory(DashboardError):
    """An allocation failed. Facts: ``reason``, in the allocator's words."""


class Busy(DashboardError):
    """The device is in use by others for longer than we wait. Facts: ``seconds``."""


# -- the residual stream ----------------------------------------------------------------------------------------------
class StreamRefused(DashboardError):
    """This family's residual stream cannot be read exactly. Facts: ``reason``, an id below ``lens.refused.``."""
