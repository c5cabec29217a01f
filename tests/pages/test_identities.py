"""Over every panel of every page: what differs on the page or in a file differs in digest, file name and provenance."""

import dataclasses
import json

import numpy as np
import pytest

import components.shell.panel
import components.shell.view
from components.jobs.panels import parquet_name
from dashboard.export import csv_bytes, figure_json, html_bytes
from dashboard.jobs.folder import JobState
from dashboard.jobs.status import job_status
from dashboard.probes.spec import OWN, ProbeSpec
from dashboard.sampling.columns import ColumnSpec, written
from tests.made import samples
from tests.pages.test_sampling import has_texts, waited

ANYWHERE = samples.run_key(model="m", token_ids=(1,))
"""Written into every table and script, so that they differ in what they show alone."""
PROMPT = "zebra lamp river zebra lamp"
SPEC = ProbeSpec(
    templates=("The {race} {gender} saw a", "A {gender}, {race}, found a"),
    neutral=("The person saw a", ""),
    words=(("race", "white, black"), ("gender", "man, woman")),
    lexicon=OWN,
    own="lamp, 0.2\nriver, 0.9\nzebra",
    article=False,
    boundary=False,
)
COLUMNS = (ColumnSpec(do_sample=False, max_new_tokens=4), ColumnSpec(num_return_sequences=2, max_new_tokens=4))


def probe(**changes):
    return {"bias_probe": dataclasses.replace(SPEC, **changes).written()}


def columns(*specs):
    return {"sampling_columns": written(specs)}


NEXT_TOKEN = (
    *(("pos", "3"), ("k", "7"), ("pins", "300"), ("value", "logit"), ("log", "true"), ("greedy", "true")),
    *(("temperature", "0.5"), ("repetition_penalty", "0.5"), ("top_k", "5"), ("follow", "300"), ("through", "rank")),
    *(("half", "true"), ("span", "position"), ("span", "all"), ("lens", "entropy"), ("lens", "followed_prob")),
    *(("layer", "1"), ("layer", "0")),
)
PAGES = {
    "attention": (
        {"attention_layer": "1", "attention_head": "1"},
        [{"attention_layer": "2"}, {"attention_head": "2"}, {"attention_token": "2"}, {"attention_order": "induction"}]
        + [{"attention_without_first": "true"}, {"attention_own_scale": "true"}, {"attention_metric": "self"}]
        + [{"attention_view": view} for view in ("mean", "max", "rollout")]
        + [{"attention_chart": form} for form in ("lines", "text", "table")]
        + [{"attention_chart": "table", "attention_without_first": "true"}, {"attention_bars": "heads"}]
        + [{"attention_view": "mean", "attention_layers": "0"}, {"attention_view": "mean", "attention_heads": "0-1"}],
    ),
    "next_token": (
        {"next_token_pos": "2"},
        [{f"next_token_{name}": value} for name, value in NEXT_TOKEN]
        + [{"next_token_lens": "followed_prob", "next_token_follow": "300"}],
    ),
    "sampling": (
        {**columns(*COLUMNS), "sampling_exact": "true"},
        [columns(COLUMNS[0], dataclasses.replace(COLUMNS[1], **change)) for change in ({"seed": 7}, {"name": "other"})]
        + [{"sampling_forks": "1.0.1.300"}, {"sampling_value": "entropy_nats"}, {"sampling_positions": "2"}]
        + [{"sampling_reference": " lamp"}, {"sampling_value": "js_nats"}, {"sampling_map": "true"}],
    ),
    "bias": (
        probe(),
        [probe(own="lamp, 0.3\nriver, 0.9\nzebra"), probe(own="lamp river\nzebra"), probe(own="lamp\nriver zebra")]
        + [probe(boundary=True), probe(templates=(SPEC.templates[0], "{race} {gender} found a"))]
        + [{"bias_pair": "groups"}, {"bias_pair": "groups", "bias_first": "1"}, {"bias_pair": "0.1.0"}]
        + [{"bias_look": look} for look in ("templates", "groups", "intersection", "scores")]
        + [{"bias_look": "templates", "bias_pair": "0.1.0"}, {"bias_look": "groups", "bias_reference": "1"}],
    ),
    "bias sampled": (
        {**probe(own="a\ne\ni\no"), "bias_view": "sampled", "bias_draw": "true", "bias_new": "2", "bias_rows": "100"},
        [{"bias_seed": "7"}, {"bias_temperature": "2.0"}, {"bias_template": "1"}, {"bias_tested": "1"}],
    ),
    "bias gap": (
        {**probe(), "bias_view": "gap"},
        [{"bias_completion": "1"}, {"bias_template": "1"}, {"bias_pair": "0.1.0"}, {"bias_pair": "groups"}],
    ),
}


def content(value):
    """A result as something to compare: all of it but single numbers, which may be times."""
    if isinstance(value, np.ndarray):
        return (value.shape, value.tobytes())
    if dataclasses.is_dataclass(value):
        return tuple(content(getattr(value, entry.name)) for entry in dataclasses.fields(value))
    if isinstance(value, tuple | list):
        return tuple(map(content, value))
    return None if isinstance(value, float) else repr(value)


@pytest.fixture
def seen(monkeypatch):
    """Panels and awaited results of all pages that were opened."""
    panels, results = [], {}
    draw, wait = components.shell.panel.foot, components.shell.view.wait_for

    def foot(panel):
        panels.append(panel)
        draw(panel)

    def wait_for(call, label, *, what, **options):
        found = wait(call, label, what=what, **options)
        results.setdefault(what, set()).add(content(found))
        return found

    monkeypatch.setattr(components.shell.panel, "foot", foot)
    monkeypatch.setattr(components.shell.view, "wait_for", wait_for)
    return panels, results


def shown(panel):
    """What a panel's chart, table, files and script hold, whatever they say of their origin."""
    files = tuple(file.data(ANYWHERE) for file in panel.files)
    figure = figure_json(panel.figure()) if panel.figure else ""
    return (panel.name, csv_bytes(panel.frame(), ANYWHERE), figure, panel.script(ANYWHERE), *files)


def opened(open_page, page, params):
    at = open_page(page.split()[0], {"prompt": PROMPT, **params})
    assert not at.exception
    if page == "sampling":
        waited(at, has_texts)
        assert not at.exception
    return at


@pytest.mark.parametrize("page", PAGES)
def test_what_differs_in_a_panel_differs_in_every_name_that_it_bears(open_page, seen, page):
    panels, results = seen
    base, changes = PAGES[page]
    opened(open_page, page, base)
    first = {panel.stem for panel in panels}
    opened(open_page, page, base)
    assert {panel.stem for panel in panels} == first, "the same link gives the same names"
    for change in changes:
        opened(open_page, page, {**base, **change})
    by_content = {}
    for panel in panels:
        by_content.setdefault(shown(panel), set()).add(panel.result.digest)
        assert panel.stem.endswith(panel.result.digest)
        assert panel.result.provenance()["result"] == panel.result.digest
    digests = [digest for found in by_content.values() for digest in found]
    assert len(by_content) > len(first) + len(changes) / 2
    assert len(digests) == len(set(digests)), "two different results have one digest"
    assert all(len(found) == 1 for found in results.values()), "two different computations have one name"


def test_decode_settings_of_the_bars_stand_in_every_export(open_page, seen):
    opened(open_page, "next_token", {"next_token_temperature": "0.7", "next_token_top_p": "0.9"})
    panel = next(panel for panel in seen[0] if panel.name == "candidates")
    script = panel.script(panel.result)
    page = html_bytes(panel.figure(), panel.result.provenance()).decode()
    picture = json.dumps(panel.result.provenance())
    for text in (script, page, picture, csv_bytes(panel.frame(), panel.result).decode()):
        assert "temperature=0.7" in text
        assert "top_p=0.9" in text


def test_the_rows_of_half_a_job_have_another_name_than_those_of_the_whole():
    def name(done, state):
        status = job_status("ab" * 16, JobState("k", 64, 32, state), done=done, live=state == "running", stopping=False)
        return parquet_name("crows_pairs", status)

    names = [name(64, "finished"), name(32, "cancelled"), name(33, "cancelled"), name(32, "running")]
    assert names[0] == f"logitscope-crows_pairs-{'ab' * 8}.parquet"
    assert len(set(names)) == len(names)
