"""Errors that a person can mend.

Each class names one situation; its words are in the message catalogue under ``error.<ClassName>`` (what, why, how to
mend it) and take the keyword arguments given here. Our own mistakes are built-in exceptions and are not caught.
"""

from __future__ import annotations


class DashboardError(Exception):
    """Something a person can mend; shown as advice while the rest of the page stays alive.

    Args:
        facts: values that the catalogue's text names (``{tokens}``, ``{limit}``, …). No prompt text: it may be logged.
    """

    def __init__(self, **facts: object) -> None:
        """Keep the facts; the exception's own text is for logs only."""
        self.facts = facts
        super().__init__(f"{type(self).__name__}: " + ", ".join(f"{k}={v!r}" for k, v in facts.items()))

    @property
    def message_id(self) -> str:
        """The catalogue entry with the words for this error."""
        return f"error.{type(self).__name__}"


# -- the prompt ---------------------------------------------------------------------------------------------------
class PromptEmpty(DashboardError):
    """No text, or text that gives no token."""


class PromptTooLong(DashboardError):
    """More tokens than the model reads or the operator allows. Facts: ``tokens, limit, model``."""


class PromptTooLarge(DashboardError):
    """More characters than are worth tokenising. Facts: ``characters, limit``."""


# -- the residual stream ------------------------------------------------------------------------------------------
class StreamRefused(DashboardError):
    """This family's residual stream cannot be read exactly. Facts: ``reason``, an id below ``lens.refused.``."""


# -- the model ----------------------------------------------------------------------------------------------------
class ModelNotAllowed(DashboardError):
    """The operator's list does not have this model. Facts: ``model, allowed``."""


class ModelUnknown(DashboardError):
    """The hub or the disk has no such model. Facts: ``model``."""


class ModelUnreachable(DashboardError):
    """The model is not on this machine and the hub cannot be reached. Facts: ``model, reason``."""


class ModelNotCausal(DashboardError):
    """An encoder, an encoder-decoder or something else that does not predict a next token. Facts: ``model, kind``."""


class ModelWithoutAttention(DashboardError):
    """No layer of the model has attention heads. Facts: ``model, kind``."""


class ModelUnsafe(DashboardError):
    """Weights only as pickle, or code of its own: never loaded. Facts: ``model, reason``."""


class ModelTooLarge(DashboardError):
    """More memory than there is. Facts: ``model, needed, available`` (already formatted with units)."""


class ModelBroken(DashboardError):
    """The files are there and do not load. Facts: ``model, reason``."""


class DeviceUnavailable(DashboardError):
    """The operator asked for a device that this machine does not have. Facts: ``device, available``."""


class SettingInvalid(DashboardError):
    """An operator's setting that cannot be read. Facts: ``setting, value, reason``."""


# -- a run --------------------------------------------------------------------------------------------------------
class RunTooLarge(DashboardError):
    """The run alone would exceed the memory kept for runs. Facts: ``tokens, needed, limit``."""


class GenerationTooLong(DashboardError):
    """Prompt and new tokens are more than the model reads. Facts: ``tokens, new, limit``."""


class GenerationTooLarge(DashboardError):
    """More rows and tokens than one run may make. Facts: ``tokens, limit, needed, allowed``."""


class LayerHasNoAttention(DashboardError):
    """The layer has no attention map to show. Facts: ``layer, reason``."""


class ChartTooLarge(DashboardError):
    """A chart that would need more time or memory than is sensible. Facts: ``reason``."""


class Busy(DashboardError):
    """The device is in use by others for longer than we wait. Facts: ``seconds``."""


class Cancelled(Exception):
    """The person asked to stop, or left. Nobody needs to be told."""
