"""Shared by all tests: the bundled model's engine, and one with tiny local models."""

import dataclasses
import os
import runpy
import tempfile
from pathlib import Path

import hypothesis
import pytest

from dashboard.settings import BUNDLED, Settings
from tests.made.tiny_model import save_tiny_model

# whatever models this machine's own Hugging Face cache holds, tests and the servers that they start do not see them
os.environ["HF_HOME"] = str(Path(tempfile.gettempdir()) / "logitscope-tests" / "huggingface")
# the same values on every machine and in every run, and nothing kept between runs
hypothesis.configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "hypothesis")
hypothesis.settings.register_profile("same", derandomize=True, database=None, deadline=None, max_examples=200)
hypothesis.settings.load_profile("same")


@pytest.fixture(scope="session")
def bundled_engine():
    """The in-process engine with the bundled model loaded."""
    from dashboard.engine.local import LocalEngine

    engine = LocalEngine(dataclasses.replace(Settings(), offline=True))
    engine.describe(BUNDLED)
    return engine


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """A tiny random Llama in a folder."""
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_settings(tiny_folder, tmp_path_factory):
    """Settings that know the tiny model as ``local/tiny`` and nothing else."""
    cache = tmp_path_factory.mktemp("cache")
    return Settings(model="local/tiny", models=(), local_models=(str(tiny_folder),), cache_dir=cache, offline=True)


@pytest.fixture
def tiny_engine(tiny_settings):
    """A fresh engine with the tiny model."""
    from dashboard.engine.local import LocalEngine

    return LocalEngine(tiny_settings)


@pytest.fixture
def run(tiny_folder, tmp_path, monkeypatch):
    """Run a chart's script where ``tiny`` is the model's folder; gives its variables."""

    def ran(source: str) -> dict:
        path = tmp_path / "chart.py"
        path.write_text(source, encoding="utf-8")
        monkeypatch.chdir(tiny_folder.parent)
        return runpy.run_path(str(path), run_name="script")

    return ran
