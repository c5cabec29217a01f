"""What is tried out at first use: once, by one thread, with the errors of loading, and before anything rests on it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard.engine import ready
from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, GenerateRequest
from dashboard.engine.api.scoring import ScoreRequest
from dashboard.engine.models.first_use import FirstUse
from dashboard.engine.scoring import scorer
from dashboard.errors import ModelFailed, OutOfMemory

MODEL = "local/tiny"


def test_several_threads_get_the_finding_of_one():
    found, together = [], threading.Barrier(4)

    def find():
        time.sleep(0.05)
        found.append(1)
        return len(found)

    use = FirstUse(MODEL, find)

    def ask(_):
        together.wait()
        return use()

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, range(4))) == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("error", "told"), [(LookupError("nobody expected this"), ModelFailed), (MemoryError("8 TB"), OutOfMemory)]
)
def test_an_error_is_told_as_one_of_loading_and_the_next_use_tries_again(error, told):
    answers = iter([error, 7])

    def find():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    use = FirstUse(MODEL, find)
    with pytest.raises(told, match=str(error)):
        use()
    assert use() == use() == 7


@pytest.fixture
def tried(monkeypatch):
    """What was tried out, in order."""
    calls = []
    for module, name in ((ready, "pick_prompt_cache"), (scorer, "tree_matches_model")):
        real = getattr(module, name)

        def counting(*args, name=name, real=real, **options):
            calls.append(name)
            return real(*args, **options)

        monkeypatch.setattr(module, name, counting)
    return calls


def test_a_model_opens_without_what_only_texts_and_scores_rest_on(tiny_engine, tried):
    prompt = tiny_engine.tokenizer(MODEL).read("The old river", chat=False)
    key = tiny_engine.describe(MODEL).run_key(prompt)
    assert tried == []
    for seed in range(2):
        text = GenerateRequest(key, (Column(DecodeSettings(), 1, 2, seed=seed),))
        tiny_engine.cost(text)
        assert tried == ["pick_prompt_cache"]
        tiny_engine.answer(text)
    for token in (5, 6):
        tiny_engine.answer(ScoreRequest(key.version, (prompt.ids,), ((token,),)))
        assert tried == ["pick_prompt_cache", "tree_matches_model"]
