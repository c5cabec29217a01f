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


class TokenizerFailed(DashboardError):
    """The model's tokenizer cannot read a text. Facts: ``reason``, in its own words."""


class ChatTemplateFailed(DashboardError):
    """The model's chat template refuses the message. Facts: ``reason``, in its own words."""


class TokenBeyondModel(DashboardError):
    """A token that was added to the tokenizer alone: the model has no embedding for it. Facts: ``token, id, size``."""


# -- the residual stream ------------------------------------------------------------------------------------------
class StreamRefused(DashboardError):
    """This family's residual stream cannot be read exactly. Facts: ``reason``, an id below ``lens.refused.``."""


# -- probes: templates and word lists -----------------------------------------------------------------------------
class TemplateEmpty(DashboardError):
    """A template without text. Facts: ``number``, 1 = first, as in all of these."""


class TemplateUnclosed(DashboardError):
    """A ``{`` that is never closed. Facts: ``number, place`` (character, 1 = first)."""


class TemplateStrayBrace(DashboardError):
    """A ``}`` that closes nothing. Facts: ``number, place``."""


class SlotNameInvalid(DashboardError):
    """A slot without a name, or with signs in it. Facts: ``number, name``."""


class TemplateWithoutSlots(DashboardError):
    """Every group would have the same prompt. Facts: ``number``."""


class NeutralWithSlots(DashboardError):
    """The neutral form of a template has slots. Facts: ``number``."""


class SlotUnknown(DashboardError):
    """No word list bears the slot's name. Facts: ``slot, known``."""


class SlotsDiffer(DashboardError):
    """Templates of one probe with different slots. Facts: ``number, slots, first``."""


class WordListEmpty(DashboardError):
    """A word list without words. Facts: ``slot``."""


class WordRepeated(DashboardError):
    """A word that stands twice in its list. Facts: ``slot, word``."""


class ProbeTooLarge(DashboardError):
    """More prompts or scores than are computed. Facts: ``prompts, completions, scores, most_prompts, most_scores``."""


# -- probes: lists and files that people bring --------------------------------------------------------------------
class FileTooLarge(DashboardError):
    """Refused by its size, before it is read. Facts: ``size, limit`` [MB]."""


class FileNotText(DashboardError):
    """Bytes that no text has."""


class TableBroken(DashboardError):
    """Quotes that do not match. Facts: ``line, reason``."""


class ListColumnsUnknown(DashboardError):
    """No telling which column has the completions. Facts: ``columns``."""


class ListEmpty(DashboardError):
    """A list without completions."""


class ListTooLong(DashboardError):
    """More completions than are scored. Facts: ``count, limit``."""


class CompletionTooLong(DashboardError):
    """A completion that is a whole text. Facts: ``line, characters, limit``."""


class ShareInvalid(DashboardError):
    """No number, or one outside [0, 1]. Facts: ``line, value``."""


class SharesContradict(DashboardError):
    """A completion that stands twice with different shares. Facts: ``completion, line``."""


class BenchmarkColumnsMissing(DashboardError):
    """Not the published columns or fields. Facts: ``benchmark, missing, found``."""


class BenchmarkLineInvalid(DashboardError):
    """A line without what the format has there. Facts: ``benchmark, line, column``."""


class BenchmarkJsonInvalid(DashboardError):
    """No JSON. Facts: ``benchmark, line, reason``."""


class BenchmarkItemInvalid(DashboardError):
    """An item without one of its parts. Facts: ``benchmark, item, missing``."""


class BenchmarkEmpty(DashboardError):
    """Nothing in the file is an item. Facts: ``benchmark, example``."""


class BenchmarkSideUnknown(DashboardError):
    """The name does not say on which side of the stereotype the file is. Facts: ``benchmark, name``."""


class BenchmarkUnpaired(DashboardError):
    """No neighbouring lines are the same up to the pronoun, as in WinoBias' type 2. Facts: ``file``."""


# -- the model ----------------------------------------------------------------------------------------------------
class ModelNotAllowed(DashboardError):
    """The operator's list does not have this model. Facts: ``model, allowed``."""


class ModelUnknown(DashboardError):
    """The hub or the disk has no such model. Facts: ``model``."""


class ModelUnreachable(DashboardError):
    """The model is not on this machine and the hub cannot be reached. Facts: ``model, reason``."""


class ModelNotCausal(DashboardError):
    """Measured: earlier logits move when the last token changes. Facts: ``model, kind, moved`` (the largest move)."""


class ModelEncoderDecoder(DashboardError):
    """It translates one text into another. Facts: ``model, kind``."""


class ModelWithoutHead(DashboardError):
    """A class without a language-model head that transformers knows. Facts: ``model, kind``."""


class ModelTypeUnknown(DashboardError):
    """This transformers does not know the model's type. Facts: ``model, kind, version``."""


class ModelWithoutAttention(DashboardError):
    """No layer of the model has attention heads. Facts: ``model, kind``."""


class ModelUnsafe(DashboardError):
    """Weights only as pickle, or code of its own: never loaded. Facts: ``model, reason``."""


class ModelTooLarge(DashboardError):
    """More memory than there is. Facts: ``model, needed, available`` [GB]."""


class ModelBroken(DashboardError):
    """The files are there and do not load. Facts: ``model, reason``."""


class ModelIncomplete(DashboardError):
    """Weights and architecture do not match. Facts: ``model, missing, mismatched, unexpected`` (count and names)."""


class ModelNotFinite(DashboardError):
    """Weights or logits that are no numbers. Facts: ``model, where``."""


class ModelQuantized(DashboardError):
    """Quantised in a way that cannot be read here. Facts: ``model, method, reason``."""


class ModelAdapter(DashboardError):
    """An adapter without the model that it belongs to. Facts: ``model, base``."""


class ModelFailed(DashboardError):
    """A library raised what nobody expected while the model was made ready. Facts: ``model, kind, reason``."""


class ModelLoading(DashboardError):
    """The model is still being loaded for somebody else. Facts: ``model, seconds``."""


class TokenizerMissing(DashboardError):
    """No file of the folder has a vocabulary. Facts: ``model``."""


class TokenizerUnreadable(DashboardError):
    """The vocabulary is there and cannot be read. Facts: ``model, files, reason``."""


class CacheUnwritable(DashboardError):
    """The cache folder refuses to be written. Facts: ``folder, reason``."""


class DeviceUnavailable(DashboardError):
    """The operator asked for a device that this machine does not have. Facts: ``device, available``."""


class SettingInvalid(DashboardError):
    """An operator's setting that cannot be read. Facts: ``setting, value, reason``, and ``variable``."""

    def __init__(self, **facts: object) -> None:
        """Keep the facts; the variable follows from the setting."""
        super().__init__(**facts, variable=f"LOGITSCOPE_{str(facts['setting']).upper()}")


class SettingUnknown(SettingInvalid):
    """A name in the settings file that no setting has. Facts: ``setting, file, nearest``."""


# -- a run --------------------------------------------------------------------------------------------------------
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


class ChartTooLarge(DashboardError):
    """A chart that would need more time or memory than is sensible. Facts: ``reason``."""


class OutOfMemory(DashboardError):
    """An allocation failed. Facts: ``reason``, in the allocator's words."""


class Busy(DashboardError):
    """The device is in use by others for longer than we wait. Facts: ``seconds``."""


# -- background jobs ----------------------------------------------------------------------------------------------
class JobUnknown(DashboardError):
    """No job has this id, or not any more."""


class JobDamaged(DashboardError):
    """What a job was to do cannot be read."""


class JobPartDamaged(DashboardError):
    """A part of the results was not as it was written; it was removed."""


class JobWithoutRows(DashboardError):
    """Nothing of the job is finished."""


class JobRunning(DashboardError):
    """The job waits or runs, so it is not removed."""


class JobOutdated(DashboardError):
    """The job was begun with another model or version. Facts: ``what, then, now``."""


class JobFailed(DashboardError):
    """Our mistake ended the job. Facts: ``reason``, the name of an exception."""


class JobsFull(DashboardError):
    """More jobs or bytes than are kept, and none that may be removed. Facts: ``jobs, limit`` [MB]."""


class JobDiskFull(DashboardError):
    """The disk has no space left."""


class JobDiskRefused(DashboardError):
    """The disk cannot be read or written. Facts: ``reason``, in the system's words."""


class Cancelled(Exception):
    """The person asked to stop, or left. Nobody needs to be told."""
