"""Choosing a model on the page: what is offered, a revision, a download with its progress, and a newer commit."""

import huggingface_hub
import pytest
from streamlit.testing.v1 import AppTest

from components.shell.model_picker import model_option, size
from dashboard.engine.api.model import ModelSpec
from dashboard.engine.hub import listing, pins
from dashboard.i18n import Catalogue
from dashboard.settings import Settings
from tests.made.hub import Repository, cache_model, files_of, serve_hub

NAME = "org/tiny"


@pytest.fixture
def hub(tmp_path, monkeypatch, tiny_folder):
    """The real client against a hub with one model, and an empty cache."""
    with serve_hub() as served:
        constants = huggingface_hub.constants
        place = "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
        monkeypatch.setattr(constants, "ENDPOINT", served.address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", served.address + place)
        listing._known.clear()
        served.models[NAME] = Repository()
        served.models[NAME].commit(files_of(tiny_folder))
        yield served


@pytest.fixture
def open_any(open_page, environment, hub):
    """`open_page` where any id may be chosen, and the hub be asked."""
    environment.setenv("LOGITSCOPE_MODELS", "*,cache/*")
    environment.setenv("LOGITSCOPE_OFFLINE", "0")
    return open_page


def words(at: AppTest) -> str:
    return " ".join(element.proto.body for element in at.get("html"))


def commit_in(at: AppTest, commit: str) -> bool:
    return f"revision {commit[:12]}" in words(at)


def test_the_picker_offers_what_is_on_this_machine_with_its_size(open_any, tmp_path, tiny_folder):
    cache_model(tmp_path / "hf", "org/cached", files_of(tiny_folder))
    at = open_any("next_token")
    assert not at.exception
    mega = size((tiny_folder / "model.safetensors").stat().st_size, Catalogue("en"))
    assert at.selectbox(key="model").options == [f"tiny · {mega}", f"org/cached · {mega}"]


def test_an_option_says_where_a_model_is_how_large_and_whether_it_fits():
    text = Catalogue("en")
    here = ModelSpec("a", "a", "hub", nbytes=16_000_000_000, fits=False)
    assert model_option(here, "a", text) == "a · 16.0 GB · does not fit into memory"
    assert model_option(ModelSpec("a", "a", "hub", nbytes=5_300_000, fits=True), "a", text) == "a · 5.3 MB"
    assert model_option(ModelSpec("a", "a", "hub", here=False), "a", text) == "a · to download"
    assert model_option(ModelSpec("a", "a", "local"), "a", text) == "a"
    assert size(540_000_000, Catalogue("es")) == "0,5 GB"


def test_a_link_with_a_revision_opens_it_and_keeps_it(open_any, hub, tiny_folder):
    files = files_of(tiny_folder)
    step = hub.models[NAME].commit(files | {"generation_config.json": b'{"top_k": 7}'}, "step1")
    at = open_any("next_token", {"model": f"{NAME}@step1"})
    assert not at.exception
    assert at.selectbox(key="model").value == f"{NAME}@step1"
    assert at.query_params["model"] in (f"{NAME}@step1", [f"{NAME}@step1"])
    assert commit_in(at, step)


def test_what_was_downloaded_is_called_by_its_size_and_stays_chosen(open_any, hub):
    at = open_any("next_token", {"model": NAME})
    assert at.selectbox(key="model").value == NAME
    assert not [option for option in at.selectbox(key="model").options if "to download" in option]


def test_a_model_that_the_hub_refuses_is_said_to_be_gated_and_the_other_still_opens(open_any, hub):
    hub.models[NAME].gated = True
    at = open_any("next_token", {"model": NAME})
    assert not at.exception
    assert "gated" in words(at)
    at.selectbox(key="model").set_value("local/tiny").run()
    assert not at.exception
    assert "gated" not in words(at)


def test_a_download_says_how_much_of_it_is_here(open_any, hub, tiny_folder, monkeypatch):
    files = files_of(tiny_folder)
    hub.models[NAME].commit(files | {"model.safetensors": files["model.safetensors"] + b"\0" * (12 << 20)})
    hub.pause = 0.02
    shown = []

    class Bar:
        def progress(self, value, text=None):
            shown.append((value, text))

    monkeypatch.setattr("streamlit.progress", lambda value, text=None: shown.append((value, text)) or Bar())
    at = open_any("next_token", {"model": NAME})
    assert not at.exception
    lines = [text for _, text in shown if "Downloading" in text]
    assert len(lines) > 2
    assert all("org" in line and "13 MB" in line for line in lines)


def test_a_newer_commit_is_named_beside_the_one_here_and_opened_as_a_link_of_its_own(open_any, hub, tiny_folder):
    old = hub.models[NAME].refs["main"]
    at = open_any("overview", {"model": NAME})
    at.button(key="newer_commit").click().run()
    assert "no newer commit" in words(at)
    new = hub.models[NAME].commit(files_of(tiny_folder) | {"generation_config.json": b'{"top_k": 7}'})
    at.button(key="newer_commit").click().run()
    assert not at.exception
    assert f"Open here: {old[:12]}" in words(at)
    assert new[:12] in words(at)
    at.button(key="open_commit").click().run()
    assert not at.exception
    assert at.query_params["model"] in (f"{NAME}@{new}", [f"{NAME}@{new}"])
    assert commit_in(at, new)
    from dashboard import cache

    assert pins.pinned_commit(NAME, cache.settings()) == old


def test_where_revisions_may_not_be_chosen_the_newer_commit_is_named_without_a_button(
    open_page, environment, hub, tiny_folder
):
    environment.setenv("LOGITSCOPE_MODELS", NAME)
    environment.setenv("LOGITSCOPE_OFFLINE", "0")
    at = open_page("overview", {"model": NAME})
    new = hub.models[NAME].commit(files_of(tiny_folder) | {"generation_config.json": b'{"top_k": 7}'})
    at.button(key="newer_commit").click().run()
    assert new[:12] in words(at)
    assert f"pins {NAME} --renew" in words(at)
    assert "open_commit" not in {button.key for button in at.button}


def test_the_default_list_offers_the_machines_cache_and_revisions_of_what_it_names(hub, tmp_path, tiny_folder):
    from dashboard.engine.models import registry

    cache_model(tmp_path / "hf", "org/cached", files_of(tiny_folder))
    settings = Settings(cache_dir=tmp_path / "cache")
    specs = registry.available_models(settings)
    assert [spec.id for spec in specs][:3] == ["smollm2-135m-instruct", "org/cached", "gpt2"]
    assert registry.find("EleutherAI/pythia-160m@step1000", settings).ask_hub is False
