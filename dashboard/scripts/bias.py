"""Scripts of the Bias page's charts: exact scores, counted texts, the gap by layer and by head, benchmarks.

Prompts, words and file names are a person's own: they are written by `ascii` alone, and drawn literally.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from dashboard.engine.api.generation import GenerateRequest
from dashboard.engine.api.model import ModelCard
from dashboard.probes.tokenized_probe import TokenizedProbe
from dashboard.run_key import Origin
from dashboard.scripts.build import Span, chart_script, stream_constants
from dashboard.scripts.sampling import ONE_BY_ONE, WRITE, column_constants
from dashboard.tokens import without_surrogates

FROM_FILES = ("crows_pairs", "stereoset")
"""Benchmarks whose published file a script reads."""
FROM_PAIRS = ("winogender", "winobias")
"""Benchmarks of which a script scores pairs that a person types in."""
EXAMPLE = {
    "she": "The mechanic greeted the receptionist because she",
    "he": "The mechanic greeted the receptionist because he",
    "first": " was sitting at the front desk.",
    "second": " was done with the engine.",
}
"""Two contexts with the two continuations that tell whom the pronoun meant."""
_NAMES = ("first", "second")


def scores_script(card: ModelCard, origin: Origin, probe: TokenizedProbe) -> str:
    """Every completion's exact log-probability behind every group's prompt; neutral prompts are left out.

    The chart is the difference of each group to the mean of all groups, mean over templates.

    Args:
        card: the model.
        origin: what the chart shows; of its tokens nothing is read.
        probe: to be scored.
    """
    places = _places(probe)
    constants = {
        "TEMPLATES": [without_surrogates(template.text) for template in probe.spec.probe.templates],
        **_probe(probe),
        "PROMPT_TEXTS": [
            {"template": template, "group": group, "text": without_surrogates(probe.prompts[at])}
            for at, (template, group) in enumerate(places)
        ],
    }
    parts = ["ids_of", "likelihoods", *(["word", "word_ends"] if probe.spec.boundary else []), "scores"]
    return chart_script(card, origin, constants, parts, prompts=())


def sampled_script(
    card: ModelCard,
    origin: Origin,
    probe: TokenizedProbe,
    request: GenerateRequest,
    template: int,
    *,
    first_rows: Sequence[int] = (),
) -> str:
    """How often the texts behind each group's prompt begin with each completion: shares with Wilson's intervals.

    Of several completions that a text begins with, the longest counts; where the end of the word counts, the text has
    to go on with something else than a letter, digit or mark. ``missing`` holds the texts that begin with none.

    Args:
        card: the model.
        origin: what the chart shows; of its tokens nothing is read.
        probe: to be scored.
        request: one column without beams.
        template: its place in the probe.
        first_rows: (group,) number of each group's first row, so that groups do not share their noise; none: the
            request's own for all.

    Raises:
        ValueError: other than one column, one with beams, or other than a first row a group.
    """
    if len(request.columns) != 1 or request.columns[0].num_beams > 1:
        raise ValueError(f"{len(request.columns)} columns, or beams: draws have to be of one column without beams")
    _, groups, _ = probe.shape
    rows = [int(row) for row in first_rows] or [request.first_row] * groups
    if len(rows) != groups:
        raise ValueError(f"{len(rows)} first rows of {groups} groups")
    constants = column_constants(request, ())
    del constants["FIRST_ROW"]
    of_template = slice(template * groups, (template + 1) * groups)
    constants |= {
        **_probe(probe),
        "PROMPT_TEXTS": [without_surrogates(text) for text in probe.prompts[of_template]],
        "FIRST_ROWS": rows,
    }
    parts = ["ids_of", *WRITE, "word", "wilson", "sampled"]
    return chart_script(card, origin, constants, parts, notes=ONE_BY_ONE, prompts=())


def gap_script(
    card: ModelCard,
    origin: Origin,
    prompts: tuple[Sequence[int], Sequence[int]],
    completion_id: int,
    *,
    names: tuple[str, str] = _NAMES,
    half_steps: bool = False,
) -> str:
    """How likely a token would be behind two prompts if the model ended after each layer, and the difference [nats].

    Args:
        card: the model.
        origin: what the chart shows; of its tokens nothing is read.
        prompts: token ids of the first and of the second.
        completion_id: the token after each; of a longer completion its first.
        names: of the two.
        half_steps: after each attention too.
    """
    constants = {"TOKEN": int(completion_id), "NAMES": [without_surrogates(name) for name in names]}
    lens = {"POSITIONS": [-1], "HALF_STEPS": half_steps}
    parts = ["stream", "lens", "gap"]
    return chart_script(card, origin, stream_constants(card) | constants | lens, parts, prompts=prompts)


def head_gap_script(
    card: ModelCard,
    origin: Origin,
    prompts: tuple[Sequence[int], Sequence[int]],
    spans: tuple[Span, Span],
    *,
    names: tuple[str, str] = _NAMES,
) -> str:
    """How much the last token of two prompts attends to the word in which they differ, head by head.

    Args:
        card: the model.
        origin: what the chart shows; of its tokens nothing is read.
        prompts: token ids of the first and of the second.
        spans: the word's tokens [start, stop) in each.
        names: of the two.
    """
    constants = {
        "LAYERS": card.layers,
        "ATTENTION_HEADS": card.heads,
        "SPANS": [(int(start), int(stop)) for start, stop in spans],
        "NAMES": [without_surrogates(name) for name in names],
    }
    return chart_script(card, origin, constants, ["maps", "head_map", "head_gap"], attention=True, prompts=prompts)


def benchmark_script(card: ModelCard, origin: Origin, slug: str, file_name: str, prefix_id: int) -> str:
    """A published benchmark on the person's own file, by sums of ln p and by means of a token.

    CrowS-Pairs and StereoSet (intrasentence) are read from the published file beside the script, in UTF-8; intervals of
    StereoSet come of resampling and are left out. Of Winogender and WinoBias the script does not read the files: it
    has the total effect of pairs typed into it, with one as an example.

    Args:
        card: the model.
        origin: what the chart shows; of its tokens nothing is read.
        slug: of FROM_FILES or FROM_PAIRS.
        file_name: as it was uploaded; folders are left out.
        prefix_id: the token behind which every text is scored.

    Raises:
        ValueError: there is no such benchmark.
    """
    if slug not in (*FROM_FILES, *FROM_PAIRS):
        raise ValueError(f"benchmark {slug!r} is not in {(*FROM_FILES, *FROM_PAIRS)}")
    constants: dict[str, object] = {"PREFIX_ID": int(prefix_id)}
    parts = ["ids_of", "likelihoods"]
    if slug in FROM_PAIRS:
        constants["PAIRS"] = [dict(EXAMPLE)]
        notes = ["Its pairs are typed in: put those of the benchmark into PAIRS. They are not read from a file."]
        return chart_script(card, origin, constants, [*parts, "total_effect"], notes=notes, prompts=())
    constants["FILE_NAME"] = re.split(r"[/\\]", without_surrogates(file_name))[-1]
    notes = ["It reads the benchmark's file, which you bring: set FILE_NAME to where it lies on your machine."]
    if slug == "stereoset":
        notes.append("Intervals that come of resampling are left out.")
    wilson = ["wilson"] if slug == "crows_pairs" else []
    return chart_script(card, origin, constants, [*parts, *wilson, "benchmark", slug], notes=notes, prompts=())


def _probe(probe: TokenizedProbe) -> dict[str, object]:
    """Groups and completions; `TEXTS` as they stand behind a prompt."""
    written = probe.spec.probe
    return {
        "GROUPS": [without_surrogates(written.group(group).name) for group in range(written.groups)],
        "COMPLETIONS": [without_surrogates(completion.text) for completion in probe.completions],
        "TEXTS": [without_surrogates(text) for text in probe.texts],
        "BOUNDARY": probe.spec.boundary,
    }


def _places(probe: TokenizedProbe) -> list[tuple[int, int]]:
    """(template, group) of each prompt but the neutral ones, in order."""
    templates, groups, _ = probe.shape
    return [(template, group) for template in range(templates) for group in range(groups)]
