"""Contexts that questions look at: the tiny model's, and the bundled one's."""

import pytest

from dashboard.lessons.answers.question import RunContext


def context(engine, model, prompt):
    return RunContext(engine, engine.describe(model), engine.tokenizer(model).read(prompt, chat=False))


@pytest.fixture(scope="session")
def shared_tiny_engine(tiny_settings):
    """One engine with the tiny model for all questions."""
    from dashboard.engine.local import LocalEngine

    return LocalEngine(tiny_settings)


@pytest.fixture
def tiny_run(shared_tiny_engine):
    return lambda prompt: context(shared_tiny_engine, "local/tiny", prompt)
