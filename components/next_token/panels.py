"""The bars of the Next token page: the likeliest tokens after one position, and what decode settings leave of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial

from components.charts.next_token import candidates_figure
from components.shell.messages import percent, quiet
from components.shell.model_rules import acting_fact, left_out_fact
from components.shell.panel import column_heads
from components.shell.view import View, run_facts
from dashboard.engine.api.decoding import AT_ENDS, DecodeSettings, Processed
from dashboard.engine.api.prediction import Candidates, CandidatesRequest, ProcessedRequest
from dashboard.frames.next_token import candidates_frame
from dashboard.run_key import RunKey
from dashboard.scripts.prediction import candidates_script
from dashboard.tokens import in_sentence


@dataclass(frozen=True)
class Bars:
    """What the bars show."""

    pos: int
    k: int
    pins: tuple[int, ...]
    settings: DecodeSettings
    value: str
    """``prob`` or ``logit``."""
    log: bool

    def request(self, run: RunKey) -> CandidatesRequest:
        """For the tokens that the bars stand for."""
        return CandidatesRequest(run, self.pos, self.k, self.pins)


def likeliest(view: View, bars: Bars) -> Candidates:
    """The tokens that the bars show: the likeliest ones, then the pinned."""
    return view.engine.answer(bars.request(view.key))


def candidates(view: View, bars: Bars) -> None:
    """Bars of the likeliest and the pinned tokens after one position, before and after the decode settings."""
    text, settings, rules = view.text, bars.settings, view.card.rules
    answer = likeliest(view, bars)
    request = ProcessedRequest(view.key, bars.pos, tuple(int(i) for i in answer.ids), settings)
    processed = view.engine.answer(request)
    frame = candidates_frame(answer, processed)
    acts = bool(processed.names)
    quiet(_summary(view, bars, float(frame["prob"].iloc[: bars.k].sum()), len(frame)))
    if acts:
        quiet(_effect(view, processed))
    view.panel(
        "candidates",
        [bars.request(view.key), request],
        options={"value": bars.value, "log": bars.log},
        figure=partial(candidates_figure, frame, value=bars.value, log=bars.log, settings=acts),
        frame=lambda: frame,
        heads=column_heads(text, frame),
        script=lambda origin: candidates_script(view.card, origin, bars.pos, bars.k, pins=bars.pins, settings=settings),
        strip=[
            text("next_token.formula"),
            _effective(settings) if settings != replace(DecodeSettings(), model_rules=settings.model_rules) else "",
            acting_fact(rules, settings, text, idle=AT_ENDS),
            left_out_fact(rules, text),
            text("next_token.entropy", nats=text.number(answer.entropy_nats, 3)),
            text("strip.self_check", error=f"{view.run.logits_error:.0e}"),
            *run_facts(view),
        ],
        alt={"pos": bars.pos, "k": len(answer.ids)},
        suffix=f"pos{bars.pos}",
    )


def _summary(view: View, bars: Bars, mass: float, count: int) -> str:
    """Which position the bars are of, how much of the distribution they hold, and the shape of all logits."""
    tokens = view.tokens.tokens
    return view.text(
        "next_token.summary",
        pos=bars.pos,
        token=in_sentence(tokens[bars.pos]),
        k=min(bars.k, count),
        mass=percent(view.text, mass),
        tokens=len(tokens),
        vocab=view.card.vocab,
    )


def _effect(view: View, processed: Processed) -> str:
    """What the settings leave, in words."""
    text = view.text
    return text(
        "next_token.effect",
        kept=processed.kept,
        vocab=view.card.vocab,
        mass=percent(text, processed.kept_mass),
        before=text.number(processed.entropy_before_nats, 3),
        after=text.number(processed.entropy_after_nats, 3),
        kl=text.number(abs(processed.kl_nats), 3),
    )


def _effective(settings: DecodeSettings) -> str:
    """The settings as a call of ``generate`` would state them."""
    return ", ".join(f"{name}={value!r}" for name, value in asdict(settings).items() if name != "model_rules")
