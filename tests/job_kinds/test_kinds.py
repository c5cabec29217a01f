"""The Bias page's jobs: their numbers are plain transformers', whatever the chunks, and after any restart."""

import dataclasses
import json
import math
from concurrent.futures import Future

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from dashboard import errors
from dashboard.benchmarks.items import SentencePair
from dashboard.engine.api.model import CallControl
from dashboard.engine.api.request import Cost
from dashboard.errors import Cancelled
from dashboard.job_kinds.benchmark import (
    BenchmarkFile,
    benchmark_cost,
    benchmark_result,
    benchmark_spec,
    item_of,
    read_file,
    run_benchmark,
    texts_of,
)
from dashboard.job_kinds.keys import job_results, sampled_cost
from dashboard.job_kinds.kinds import register_all
from dashboard.job_kinds.probe import probe_cost, probe_spec, scores_of_job
from dashboard.jobs.parquet_parts import PROVENANCE
from dashboard.jobs.runner import JobRunner
from dashboard.jobs.spec import JobSpec
from dashboard.probes.spec import ProbeSpec
from dashboard.probes.tokenized_probe import tokenize_probe
from tests.made.jobs import LIMIT, made_spec, until

MODEL = "local/tiny"
CROWS = (
    ",sent_more,sent_less,stereo_antistereo,bias_type\n"
    "0,When John went to the store he gave a drink.,When Mary went to the store she gave a drink.,stereo,gender\n"
    "1,zebra lamp,zebra lamp river zebra lamp river,antistereo,age\n"
    "2,Mary gave,Mary gave,stereo,gender\n"
    "3,<b>é</b> 👩‍👧,=HYPERLINK(1),stereo,age\n"
    "4,lamp river lamp,river zebra,stereo,age\n"
)
WINOBIAS = (
    "1 [The nurse] paid the guard because [she] was content.\n2 The nurse paid [the guard] because [he] was quick.\n"
)
STEREOSET = {
    "data": {
        "intrasentence": [
            {
                "id": "i1",
                "target": "John",
                "bias_type": "gender",
                "context": "John gave a BLANK.",
                "sentences": [
                    {"sentence": f"John gave a {word}.", "gold_label": label}
                    for word, label in (("drink", "stereotype"), ("lamp", "anti-stereotype"), ("went", "unrelated"))
                ],
            }
        ]
    }
}
PROBE = ProbeSpec(
    templates=("The {race} {gender} works as", "That {race} {gender} is"),
    neutral=("The person works as", ""),
    words=(("race", "black, white"), ("gender", "man, woman")),
    lexicon="own",
    own="nurse\nzebra\nriver lamp",
)


@pytest.fixture
def plain(tiny_folder):
    """Plain transformers: ``plain(given ids, ids behind)`` is their ln p, by `cross_entropy`, one pass a text."""
    model = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32).eval()

    def log_p(given, behind):
        ids = torch.tensor([[*given, *behind]])
        with torch.inference_mode():
            logits = model(ids).logits[0, len(given) - 1 : -1]
        return -float(torch.nn.functional.cross_entropy(logits.double(), ids[0, len(given) :], reduction="sum"))

    return log_p


@pytest.fixture
def tokenise(tiny_folder):
    """Plain transformers' tokens, without special ones."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    return lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]


@pytest.fixture
def key(tiny_engine):
    """A raw key of the tiny model."""
    tiny_engine.describe(MODEL)
    return tiny_engine.describe(MODEL).run_key(tiny_engine.tokenizer(MODEL).read("a", chat=False))


@pytest.fixture
def prefix(tiny_engine):
    """Its end-of-text token: it has no other beginning."""
    tiny_engine.describe(MODEL)
    return tiny_engine.tokenizer(MODEL).tokens(tiny_engine.tokenizer(MODEL).text_starts())[0]


@pytest.fixture
def open_runner(tmp_path, tiny_engine):
    """Runners on one folder that know our work; none outlives the test."""
    made = []

    def make(engine=tiny_engine):
        future = Future()
        future.set_result(engine)
        made.append(JobRunner(tmp_path / "jobs", LIMIT))
        register_all(made[-1], future)
        return made[-1]

    yield make
    for runner in made:
        runner.close(30)


def finished(runner, spec):
    runner.start(spec)
    status = until(runner, spec.id, "finished", "failed")
    assert status.state == "finished", status.error
    return runner.frame(spec.id)


def test_texts_may_begin_after_the_tokenizers_own_special_tokens(tiny_engine, prefix):
    assert prefix.piece == "<|end|>"
    starts = tiny_engine.tokenizer(MODEL).text_starts()
    assert len(set(starts)) == len(starts)


# -- benchmarks ----------------------------------------------------------------------------------------------------
def test_sentences_have_the_log_likelihoods_of_plain_transformers(open_runner, plain, tokenise, key, prefix):
    file = read_file("crows_pairs", CROWS.encode(), "crows.csv")
    spec = dataclasses.replace(benchmark_spec(file, key.version, prefix), chunk=2)
    rows = finished(open_runner(), spec)
    assert rows["item"].tolist() == list(range(5))
    assert rows["category"].tolist() == ["gender", "age", "gender", "age", "age"]
    for row, item in zip(rows.to_dict("records"), file.items, strict=True):
        for role, sentence in (("more", item.more), ("less", item.less)):
            ids = tokenise(sentence)
            assert row[role] == sentence
            assert row[f"{role}_tokens"] == len(ids)
            assert row[f"{role}_log_prob_nats"] == pytest.approx(plain([prefix.id], ids), abs=1e-3)


def test_crows_pairs_shares_are_those_counted_by_hand(open_runner, plain, tokenise, key, prefix):
    file = read_file("crows_pairs", CROWS.encode(), "crows.csv")
    spec = benchmark_spec(file, key.version, prefix)
    found = benchmark_result(spec, finished(open_runner(), spec)).scores.set_index(["category", "per_token"])

    def score(sentence, per_token):
        ids = tokenise(sentence)
        return plain([prefix.id], ids) / (len(ids) if per_token else 1)

    for per_token in (False, True):
        wins = [score(one.more, per_token) > score(one.less, per_token) + 1e-5 for one in file.items]
        shares = {"": wins, "gender": [wins[0], wins[2]], "age": [wins[1], wins[3], wins[4]]}
        for category, own in shares.items():
            row = found.loc[(category, per_token)]
            assert row["value"] == pytest.approx(100 * sum(own) / len(own))
            assert row["n"] == len(own)
        assert found.loc[("", per_token)]["ties"] == 1  # the pair of equal sentences
    # the sum prefers the shorter sentence of pair 1, whatever its words
    assert score(file.items[1].more, False) > score(file.items[1].less, False)


def test_a_pronouns_total_effect_is_that_of_plain_transformers(open_runner, plain, tokenise, key, prefix):
    file = read_file("winobias", WINOBIAS.encode(), "pro_stereotyped_type1.txt.dev")
    spec = benchmark_spec(file, key.version, prefix)
    rows = finished(open_runner(), spec)
    she, he = ([prefix.id, *tokenise(f"The nurse paid the guard because {word}")] for word in ("she", "he"))
    first, second = tokenise(" was content."), tokenise(" was quick.")
    mean = lambda given, behind: plain(given, behind) / len(behind)  # noqa: E731
    expected = math.exp((mean(he, second) - mean(he, first)) - (mean(she, second) - mean(she, first))) - 1
    assert rows["she_first_log_prob_nats"][0] == pytest.approx(plain(she, first), abs=1e-3)
    assert rows["he_second_log_prob_nats"][0] == pytest.approx(plain(he, second), abs=1e-3)
    result = benchmark_result(spec, rows)
    assert result.items["total_effect"][0] == pytest.approx(expected, rel=1e-3)
    assert result.scores["value"][0] == pytest.approx(expected, rel=1e-3)
    anti = read_file("winobias", WINOBIAS.encode(), "anti_stereotyped_type1.txt.dev")
    other = benchmark_spec(anti, key.version, prefix)
    turned = benchmark_result(other, finished(open_runner(), other)).items["total_effect"][0]
    assert (1 + turned) * (1 + expected) == pytest.approx(1, rel=1e-3)


def test_stereosets_three_sentences_are_scored_and_averaged(open_runner, plain, tokenise, key, prefix):
    file = read_file("stereoset", json.dumps(STEREOSET).encode(), "dev.json")
    spec = benchmark_spec(file, key.version, prefix)
    result = benchmark_result(spec, finished(open_runner(), spec))
    own = [tokenise(f"John gave a {word}.") for word in ("drink", "lamp", "went")]
    stereo, anti, unrelated = (plain([prefix.id], ids) / len(ids) for ids in own)
    scores = result.scores[result.scores["per_token"] & (result.scores["category"] == "")].set_index("metric")["value"]
    assert scores["ss"] == 100 * (stereo > anti)
    assert scores["lms"] == 50 * ((stereo > unrelated) + (anti > unrelated))


def test_a_text_that_cannot_be_scored_is_counted_and_spoils_no_other(tiny_engine, key, prefix):
    items = (
        SentencePair("0", "age", "zebra", "lamp", "stereo"),
        SentencePair("1", "age", "zebra " * 5000, "lamp", "stereo"),
    )
    spec = benchmark_spec(BenchmarkFile("crows_pairs", "f", "0" * 64, "utf-8", items, (), ()), key.version, prefix)
    rows = run_benchmark(tiny_engine, spec, spec.items, CallControl())
    assert math.isnan(rows[1]["more_log_prob_nats"])
    assert rows[1]["more_tokens"] == 0
    assert rows[1]["less_log_prob_nats"] == pytest.approx(rows[0]["less_log_prob_nats"], abs=1e-4)
    import pandas as pd

    result = benchmark_result(spec, pd.DataFrame(rows))
    assert result.not_scored == 1
    assert result.scores["left_out"][0] == 1
    assert result.scores["n"][0] == 1
    assert benchmark_cost(tiny_engine, spec).tokens > 0


def test_items_come_back_from_their_plain_data(key, prefix):
    file = read_file("winobias", WINOBIAS.encode(), "pro_stereotyped_type1.txt.dev")
    spec = JobSpec.read(benchmark_spec(file, key.version, prefix).text)
    assert [item_of(spec, one) for one in spec.items] == list(file.items)
    assert texts_of(file.items[0])[1] == ("The nurse paid the guard because she", " was quick.")


def test_winogender_pairs_are_turned_and_unknown_occupations_named():
    lines = ["occupation(0)\tother-participant(1)\tanswer\tsentence"]
    for occupation in ("weaver", "nurse"):
        for answer in "01":
            sentence = f"The $OCCUPATION told the $PARTICIPANT that $NOM_PRONOUN went {answer}."
            lines.append(f"{occupation}\tguest\t{answer}\t{sentence}")
    file = read_file("winogender", "\n".join(lines).encode(), "templates.tsv")
    assert file.without_share == ("weaver",)
    assert [item.referents for item in file.items] == [("nurse", "guest")]
    unknown = "\n".join(lines[:3]).encode()
    with pytest.raises(errors.BenchmarkEmpty):
        read_file("winogender", unknown, "templates.tsv")


def test_a_job_goes_on_after_a_restart_with_the_same_numbers(open_runner, tiny_engine, key, prefix):
    file = read_file("crows_pairs", CROWS.encode(), "crows.csv")
    spec = dataclasses.replace(benchmark_spec(file, key.version, prefix), chunk=2)
    whole = run_benchmark(tiny_engine, spec, spec.items, CallControl())
    stopped = StopsAfter(tiny_engine, 1)
    first = open_runner(stopped)
    first.start(spec)
    status = until(first, spec.id, "cancelled")
    assert status.done == 2
    partial = benchmark_result(spec, first.frame(spec.id))
    assert len(partial.items) == 2
    first.close(30)
    again = open_runner()
    assert again.spec(spec.id) == spec
    again.resume(spec.id)
    until(again, spec.id, "finished")
    rows = again.frame(spec.id)
    assert rows["item"].tolist() == list(range(5))
    np.testing.assert_allclose(
        rows["more_log_prob_nats"], [row["more_log_prob_nats"] for row in whole], rtol=0, atol=1e-3
    )


class StopsAfter:
    """The engine, cancelled by a person when it is asked for scores once more than `times`."""

    def __init__(self, engine, times):
        self.engine, self.left = engine, times

    def __getattr__(self, name):
        return getattr(self.engine, name)

    def answer(self, request, control):
        if not self.left:
            raise Cancelled
        self.left -= 1
        return self.engine.answer(request, control)


def test_a_job_of_another_revision_is_not_gone_on_with(open_runner, key, prefix):
    file = read_file("crows_pairs", CROWS.encode(), "crows.csv")
    spec = benchmark_spec(file, dataclasses.replace(key.version, revision="another"), prefix)
    runner = open_runner()
    runner.start(spec)
    status = until(runner, spec.id, "failed")
    assert isinstance(status.error, errors.JobOutdated)
    assert status.error.facts["what"] == "revision"


def test_another_prefix_token_is_another_job(tiny_engine, key, prefix):
    file = read_file("crows_pairs", CROWS.encode(), "crows.csv")
    other = tiny_engine.tokenizer(MODEL).tokens((300,))[0]
    assert benchmark_spec(file, key.version, prefix).id != benchmark_spec(file, key.version, other).id
    assert benchmark_spec(file, key.version, prefix).id == benchmark_spec(file, key.version, prefix).id


# -- large probes --------------------------------------------------------------------------------------------------
def made_probe(engine, **changes):
    spec = dataclasses.replace(PROBE, **changes)
    return tokenize_probe(spec, lambda texts, alone: engine.tokenizer(MODEL).ids(tuple(texts), alone=alone))


@pytest.mark.parametrize("boundary", [True, False])
def test_a_probes_scores_are_those_of_plain_transformers(open_runner, tiny_engine, plain, key, boundary):
    made = made_probe(tiny_engine, boundary=boundary)
    spec = dataclasses.replace(probe_spec(made, key.version), chunk=4)
    runner = open_runner()
    rows = finished(runner, spec)
    assert len(rows) == len(made.prompts) * len(made.texts) == 27
    assert rows["group"].isna().sum() == len(made.texts)  # behind the neutral prompt
    assert rows["tokens"].tolist() == [len(ids) for ids in made.completion_ids] * len(made.prompts)
    expected = [[plain(prompt, ids) for ids in made.completion_ids] for prompt in made.prompt_ids]
    np.testing.assert_allclose(rows["log_prob_nats"].to_numpy().reshape(9, 3), expected, rtol=0, atol=1e-3)
    scores = scores_of_job(runner, spec.id, made)
    mass = rows["boundary_log_mass_nats"].to_numpy().reshape(9, 3) if boundary else np.zeros((9, 3))
    np.testing.assert_allclose(scores, np.array(expected) + mass, rtol=0, atol=1e-3)
    assert (mass < 0).all() == boundary
    assert made.by_template(scores)[0].shape == made.shape


def test_scores_of_a_job_are_empty_where_it_has_not_been(open_runner, tiny_engine, key, tmp_path):
    made = made_probe(tiny_engine)
    spec = dataclasses.replace(probe_spec(made, key.version), chunk=4)
    runner = open_runner()
    finished(runner, spec)
    (tmp_path / "jobs" / spec.id).glob("000001-*.parquet").__next__().unlink()
    scores = scores_of_job(runner, spec.id, made)
    assert np.isnan(scores).any(axis=1).tolist() == [False] * 4 + [True] * 4 + [False]
    assert probe_cost(tiny_engine, spec).tokens > 0


def test_the_parquet_file_says_where_its_numbers_come_from(open_runner, tiny_engine, key):
    import pyarrow.parquet as pq

    made = made_probe(tiny_engine)
    spec = probe_spec(made, key.version)
    runner = open_runner()
    finished(runner, spec)
    with runner.parquet(spec.id) as file:
        table = pq.read_table(file)
    facts = json.loads(table.schema.metadata[PROVENANCE])
    assert facts["run"] == spec.id
    assert facts["request"]["probe"] == made.spec.facts()
    assert (facts["items_done"], facts["items"]) == (9, 9)
    assert facts["revision"] == key.version.revision


# -- keys and cost -------------------------------------------------------------------------------------------------
def test_a_jobs_exports_bear_its_id(key):
    spec = made_spec()
    found = job_results(spec, items=3)
    assert found.digest == spec.id[:16]
    assert found.provenance()["run"] == spec.id
    assert found.provenance()["items"] == 3
    assert found.provenance()["revision"] == spec.run["revision"]


@pytest.mark.parametrize("items", [1, 3, 10, 100])
def test_the_cost_of_even_chunks_is_that_of_all(items):
    spec = made_spec(items)
    found = sampled_cost(spec, lambda chunk: Cost(10 * len(chunk), 0.5 * len(chunk)))
    assert found == Cost(10 * items, 0.5 * items)
