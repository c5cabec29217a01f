"""What every engine holds to: each type of request has an answer of its type, cached, read-only, of the right shape."""

import ast
import subprocess
import sys
import typing
from pathlib import Path

import numpy as np
import pytest

from dashboard.engine.api.model import CallControl, ModelCard
from dashboard.engine.api.request import ModelQuestion, RunQuestion
from dashboard.errors import Cancelled, PromptEmpty, PromptTooLong
from tests.made.recorded_engine import MODEL as RECORDED
from tests.made.recorded_engine import RecordedEngine
from tests.made.remote import in_memory
from tests.made.requests import REQUESTS, request_types, requests_of

ROOT = Path(__file__).parents[2]
PROMPT = "zebra lamp river zebra lamp"
KINDS = [type(one) for one in REQUESTS]
WITHOUT_SCRIPT = {
    "RunRequest": "a run is shown by what is asked of it",
    "CheckRequest": "it compares answers with plain transformers, as their own scripts compute them",
    "VerifyRequest": "it is a comparison with plain transformers itself: `python -m dashboard verify`",
}
SCRIPTS = {
    **{"HeadRequest": "head_script", "CombineRequest": "combine_script", "RolloutRequest": "rollout_script"},
    **{"QueryRowsRequest": "query_rows_script", "TilesRequest": "mosaic_script"},
    **{"CandidatesRequest": "candidates_script", "ProcessedRequest": "candidates_script"},
    **{"PositionTableRequest": "position_script", "LensRequest": "lens_script"},
    **{"AttributionRequest": "attribution_script", "GenerateRequest": "texts_script"},
    **{"CompareRequest": "settings_script", "TreeRequest": "probability_tree_script"},
    **{"ScoreRequest": "scores_script", "SentenceRequest": "benchmark_script"},
}
"""Type of request -> the script that makes its numbers again."""


@pytest.fixture(params=["local", "recorded", "wire"])
def engine(request):
    """(engine, model)."""
    if request.param == "recorded":
        return RecordedEngine(), RECORDED
    tiny = request.getfixturevalue("tiny_engine")
    return tiny if request.param == "local" else in_memory(tiny), "local/tiny"


def asked(engine, model):
    run = engine.describe(model).run_key(engine.tokenizer(model).read(PROMPT, chat=False))
    return requests_of(run)


def answer_type(kind):
    """The type that a request names as its answer's."""
    module = sys.modules[kind.__module__]
    argument = typing.get_args(kind.__orig_bases__[0])[0]
    return getattr(module, argument.__forward_arg__) if isinstance(argument, typing.ForwardRef) else argument


def arrays(answer):
    values = [value for value in vars(answer).values() if value is not None]
    return [value for value in values if isinstance(value, np.ndarray)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_request_has_a_cost_and_a_read_only_answer_of_its_type(engine, kind):
    made, model = engine
    request = next(one for one in asked(made, model) if type(one) is kind)
    cost = made.cost(request)
    assert cost.tokens >= 0
    assert not cost.kept
    steps = []
    answer = made.answer(request, CallControl(), steps.append)
    assert type(answer) is answer_type(kind)
    assert not any(array.flags.writeable for array in arrays(answer))
    kept = made.kept(request)
    assert kept is None or kept is answer
    again = made.answer(request)
    for ours, theirs in zip(arrays(answer), arrays(again), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_shapes_are_those_of_the_request(engine):
    made, model = engine
    card = made.describe(model)
    answers = {type(one).__name__: made.answer(one) for one in asked(made, model) if not isinstance(one, ModelQuestion)}
    run = next(one.run for one in asked(made, model) if isinstance(one, RunQuestion))
    count = len(run.token_ids)
    assert answers["RunRequest"].key == run
    assert answers["HeadRequest"].weights.shape == (3, 3)
    assert answers["QueryRowsRequest"].weights.shape == (card.layers, card.heads, 3)
    assert answers["TilesRequest"].tiles.shape == (card.layers, card.heads, count, count)
    assert len(answers["CandidatesRequest"].ids) == len(answers["CandidatesRequest"].tokens) in {5, 6}
    assert answers["ProcessedRequest"].probs.shape == (2,)
    assert len(answers["PositionTableRequest"].predicted) == count
    assert answers["LensRequest"].top_ids.shape == (card.layers + 1, 1, 5)
    assert answers["LensRequest"].pin_ranks.shape == (1, card.layers + 1, 1)
    assert answers["AttributionRequest"].heads.shape == (card.layers, card.heads)
    assert answers["GenerateRequest"].outputs[0].alternatives.shape[1] == 10
    assert answers["CompareRequest"].total_variation.shape == (1, 1, 3)
    assert (answers["TreeRequest"].parents < np.arange(len(answers["TreeRequest"].ids))).all()


def test_scores_have_a_row_a_prompt_and_a_column_a_completion(engine):
    made, model = engine
    scores, sentences = (made.answer(one) for one in asked(made, model) if type(one).__name__.startswith(("Sc", "Se")))
    assert scores.log_p.shape == (2, 2)
    np.testing.assert_allclose(np.nansum(scores.token_log_p, -1), scores.log_p, rtol=1e-5)
    assert sentences.lengths.tolist() == [1, 1]
    assert [len(row) for row in sentences.token_log_p] == [1, 1]


def test_a_cancelled_question_raises_and_can_be_asked_again(engine):
    made, model = engine
    request = asked(made, model)[0]
    control = CallControl()
    control.cancel.set()
    with pytest.raises(Cancelled):
        made.answer(request, control)
    assert made.answer(request).tokens == len(request.token_ids)


def test_texts_and_tokens_go_both_ways(engine):
    made, model = engine
    tokenizer, card = made.tokenizer(model), made.describe(model)
    assert isinstance(card, ModelCard)
    prompt = tokenizer.read(PROMPT, chat=False)
    assert tokenizer.decode([prompt.ids]) == (PROMPT,)
    assert [token.id for token in tokenizer.tokens(prompt.ids)] == list(prompt.ids)
    assert tokenizer.ids([PROMPT], alone=True) == (prompt.ids,)
    assert tokenizer.read(PROMPT, chat=False, answer=" lamp").ids[: len(prompt.ids)] == prompt.ids
    assert tokenizer.search("zebra", 3)
    assert set(tokenizer.word_ends()) | set(tokenizer.text_starts()) <= set(range(card.vocab))
    with pytest.raises(PromptEmpty):
        tokenizer.read("", chat=False)
    with pytest.raises(PromptTooLong):
        tokenizer.read("zebra lamp " * 9000, chat=False)


# -- nothing is forgotten ------------------------------------------------------------------------------------------
def test_every_type_of_request_is_tried_here():
    assert list(dict.fromkeys(KINDS)) == KINDS
    assert set(KINDS) == set(request_types())


@pytest.mark.parametrize("kind", request_types(), ids=lambda kind: kind.__name__)
def test_every_type_of_request_has_a_handler_a_script_and_a_place_in_the_docs(kind):
    from dashboard.engine.handlers.table import HANDLERS
    from tests.made.recorded_answers import ANSWERS

    handler = HANDLERS[kind]
    assert callable(handler.answer)
    assert callable(handler.cost)
    assert kind in ANSWERS
    name = kind.__name__
    assert (name in SCRIPTS) != (name in WITHOUT_SCRIPT)
    functions = {
        node.name
        for path in (ROOT / "dashboard" / "scripts").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    assert SCRIPTS.get(name) in functions | {None}
    assert f"`{name}`" in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_table_holds_nothing_else():
    from dashboard.engine.handlers.table import HANDLERS

    assert set(HANDLERS) == set(request_types())


def test_the_protocol_is_small():
    from dashboard.engine.api.engine import Engine

    methods = {name for name, value in vars(Engine).items() if callable(value) and not name.startswith("_")}
    assert methods == {"describe", "tokenizer", "cost", "kept", "answer", "health"}


def test_the_recorded_engine_needs_no_torch():
    code = "import sys, tests.made.recorded_engine as r; r.RecordedEngine(); assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
