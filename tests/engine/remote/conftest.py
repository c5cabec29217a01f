"""The engine of this process, which those elsewhere are compared with."""

import pytest

from tests.made.remote import MODEL, PROMPT


@pytest.fixture(scope="module")
def local(tiny_settings):
    from dashboard.engine.local import LocalEngine

    return LocalEngine(tiny_settings)


@pytest.fixture(scope="module")
def run(local):
    return local.describe(MODEL).run_key(local.tokenizer(MODEL).read(PROMPT, chat=False))
