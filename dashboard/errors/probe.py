"""Errors of probes: templates, word lists, and the lists and files that people bring."""

from __future__ import annotations

from dashboard.errors.base import DashboardError


# -- probes: templates and word lists ---------------------------------------------------------------------------------
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


# -- probes: lists and files that people bring ------------------------------------------------------------------------
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
    """No JSON. Facts: ``benchmark, reason`` (a `Message`)."""


class BenchmarkItemInvalid(DashboardError):
    """An item without one of its parts. Facts: ``benchmark, item, missing``."""


class BenchmarkEmpty(DashboardError):
    """Nothing in the file is an item. Facts: ``benchmark, example``."""


class BenchmarkSideUnknown(DashboardError):
    """The name does not say on which side of the stereotype the file is. Facts: ``benchmark, name``."""


class BenchmarkUnpaired(DashboardError):
    """No neighbouring lines are the same up to the pronoun, as in WinoBias' type 2. Facts: ``file``."""
