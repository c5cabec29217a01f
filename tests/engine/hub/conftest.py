"""A hub on this machine, an empty Hugging Face cache, and settings that know neither."""

import huggingface_hub
import pytest

from dashboard.engine.hub import listing
from dashboard.settings import Settings
from tests.made.hub import Repository, files_of, serve_hub

NAME = "org/tiny"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Hugging Face's cache, empty."""
    folder = tmp_path / "hf" / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
    listing._known.clear()
    return folder


@pytest.fixture
def settings(tmp_path):
    """Any id is allowed by name; nothing was opened before."""
    return Settings(models=(NAME,), cache_dir=tmp_path / "cache", data_dir=tmp_path / "data")


@pytest.fixture
def files(tiny_folder):
    """Name -> content of the tiny model's files."""
    return files_of(tiny_folder)


@pytest.fixture
def hub(cache, monkeypatch, files):
    """The real client against a hub with one model."""
    with serve_hub() as served:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", served.address)
        monkeypatch.setattr(
            huggingface_hub.constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            served.address + "/{repo_id}/resolve/{revision}/{filename}",
        )
        served.models[NAME] = Repository()
        served.models[NAME].commit(dict(files))
        yield served
