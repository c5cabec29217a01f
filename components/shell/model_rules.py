"""What the model's own generation config does to texts, in words: which of its fields act, which cannot here."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import replace

from components.shell.messages import quiet
from dashboard.engine.api.decoding import AT_ENDS, DecodeSettings, ModelRules
from dashboard.engine.api.generation import Column
from dashboard.i18n import Catalogue
from dashboard.tokens import ISOLATE

LONGEST = 80
"""A value is shown up to so many characters; the Code tab has all of it."""


def rules_told(rules: ModelRules, text: Catalogue) -> None:
    """Lines that say what of the config acts, with its values, and what does not; nothing where it asks for nothing."""
    if rules.values:
        values = "; ".join(f"{name} = {_shortened(value)}" for name, value in rules.values)
        quiet(text("rules.values", values=values))
    if rules.left_out:
        quiet(left_out_fact(rules, text))


def acting_fact(
    rules: ModelRules,
    settings: DecodeSettings,
    text: Catalogue,
    *,
    beams: bool = False,
    idle: Collection[str] = frozenset(),
) -> str:
    """Which fields act beside `settings`, or that they were turned off; empty where there are none.

    Args:
        rules: the model's.
        settings: with or without them.
        text: the catalogue.
        beams: whether a search with beams is made by them.
        idle: fields that do not act on what is shown.
    """
    id_ = "rules.from_model" if settings.model_rules else "rules.off"
    names = [name for name in rules.acting(replace(settings, model_rules=True), beams=beams) if name not in idle]
    return text(id_, names=", ".join(names)) if names else ""


def on_bars(rules: ModelRules) -> bool:
    """Whether the model has rules that act on the distribution after a position."""
    return bool(set(rules.acting(DecodeSettings())) - AT_ENDS)


def texts_fact(rules: ModelRules, columns: Iterable[Column], text: Catalogue) -> str:
    """The same of several columns: each line once."""
    facts = (acting_fact(rules, column.settings, text, beams=column.num_beams > 1) for column in columns)
    return " · ".join(dict.fromkeys(fact for fact in facts if fact))


def left_out_fact(rules: ModelRules, text: Catalogue) -> str:
    """Which fields the model asks for that are not applied, and why; empty where there are none."""
    reasons = dict.fromkeys(why for _, why in rules.left_out)
    fields = [
        f"{', '.join(name for name, reason in rules.left_out if reason == why)} ({text(f'rules.why.{why}')})"
        for why in reasons
    ]
    return text("rules.left_out", fields="; ".join(fields)) if fields else ""


def _shortened(value: object) -> str:
    written = json.dumps(value, ensure_ascii=False)
    written = written if written.isprintable() else json.dumps(value)
    return ISOLATE.format(written if len(written) <= LONGEST else written[:LONGEST] + " …")
