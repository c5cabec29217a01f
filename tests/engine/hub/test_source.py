"""Where a model of the hub comes from: the machine's caches first, then the hub; and each refusal in its own words."""

import dataclasses
import errno
import json
import os
import stat
import subprocess
import sys
import threading
import time

import huggingface_hub
import pytest

from dashboard import errors
from dashboard.engine.api.model import CallControl, PinnedCommit
from dashboard.engine.hub import pins, pins_command, source
from dashboard.engine.hub.cache import own_cache
from dashboard.engine.local import LocalEngine
from dashboard.engine.models import registry
from dashboard.i18n import LANGUAGES, Catalogue
from tests.engine.hub.conftest import NAME
from tests.made.hub import TOKEN, Repository, cache_model, commit_of

READ = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}


def fetch(model, settings, control=None, **options):
    """Folder and commit, nothing being checked before the weights."""
    return source.fetch(model, settings, control or CallControl(), lambda *_: None, **options)


def refused(error, model, settings, **options):
    """The error that `fetch` ends in; it has words in every language."""
    with pytest.raises(error) as caught:
        fetch(model, settings, **options)
    assert type(caught.value) is error
    for language in LANGUAGES:
        assert "{" not in Catalogue(language)(caught.value.message_id, **caught.value.facts)
    return caught.value.facts


# -- the machine's cache ------------------------------------------------------------------------------------------
def test_a_model_that_hf_download_left_is_opened_offline_with_the_numbers_of_its_folder(
    cache, settings, files, tiny_folder
):
    commit = cache_model(cache, NAME, files)
    offline = dataclasses.replace(settings, offline=True, local_models=(str(tiny_folder),))
    engine = LocalEngine(offline)
    card = engine.describe(NAME)
    assert (card.revision, card.source, card.label) == (commit, "hub", NAME)
    cards = [card, engine.describe("local/tiny")]
    keys = [c.run_key(engine.tokenizer(c.model).read("zebra lamp", chat=False)) for c in cards]
    from dashboard.engine.api.prediction import CandidatesRequest

    probs = [engine.answer(CandidatesRequest(key, len(key.token_ids) - 1, 5)).probs.tolist() for key in keys]
    assert probs[0] == probs[1]


def test_what_is_on_this_machine_is_not_asked_for_at_the_hub(hub, cache, settings, files):
    commit = cache_model(cache, NAME, files)
    assert fetch(NAME, settings) == (cache / "models--org--tiny" / "snapshots" / commit, commit)
    assert hub.asked == []


def test_a_model_that_an_earlier_version_fetched_into_a_cache_of_its_own_is_still_there(cache, settings, files):
    commit = cache_model(own_cache(settings), NAME, files)
    settings.cache_dir.joinpath("pins.json").write_text(json.dumps({NAME: commit}))
    offline = dataclasses.replace(settings, offline=True)
    assert fetch(NAME, offline)[1] == commit
    assert fetch(NAME, offline, ask_hub=True)[1] == commit


def test_the_commit_of_the_first_opening_is_kept_when_hub_and_cache_move_on(hub, cache, settings, files):
    first = fetch(NAME, settings)[1]
    moved = hub.models[NAME].commit(files | {"generation_config.json": b'{"top_k": 7}'})
    assert first != moved
    assert fetch(NAME, settings)[1] == first
    newer = cache_model(cache, NAME, files | {"generation_config.json": b'{"top_k": 8}'})
    assert fetch(NAME, settings)[1] == first
    assert fetch(f"{NAME}@{newer}", settings)[1] == newer
    assert pins.pinned_commit(NAME, settings) == first
    assert pins.pinned_commit(f"{NAME}@{newer}", settings) is None


def test_a_revision_is_a_model_of_its_own_with_a_pin_of_its_own(hub, settings, files):
    step = hub.models[NAME].commit(files | {"generation_config.json": b'{"top_k": 7}'}, "step1")
    folder, commit = fetch(f"{NAME}@step1", settings)
    assert commit == step
    assert json.loads((folder / "generation_config.json").read_text()) == {"top_k": 7}
    assert fetch(NAME, settings)[1] == hub.models[NAME].refs["main"] != step
    hub.models[NAME].commit(files, "step1")
    assert fetch(f"{NAME}@step1", settings)[1] == step


def test_two_revisions_in_the_cache_are_told_apart_offline(cache, settings, files):
    main = cache_model(cache, NAME, files)
    step = cache_model(cache, NAME, files | {"generation_config.json": b"{}"}, refs=("step1",))
    offline = dataclasses.replace(settings, offline=True)
    assert fetch(NAME, offline)[1] == main
    assert fetch(f"{NAME}@step1", offline)[1] == step
    assert fetch(f"{NAME}@{step}", offline)[1] == step


def test_a_half_downloaded_model_is_completed_and_only_what_is_missing_is_fetched(hub, cache, settings, files):
    repository = hub.models[NAME]
    fetch(NAME, settings)
    snapshot = cache / "models--org--tiny" / "snapshots" / repository.refs["main"]
    (snapshot / "tokenizer.json").unlink()
    hub.asked.clear()
    fetch(NAME, settings)
    assert (snapshot / "tokenizer.json").is_file()
    assert hub.fetched() in ([], ["tokenizer.json"])  # its blob is still there


@pytest.mark.parametrize("missing", ["model.safetensors", "tokenizer.json", "generation_config.json"])
def test_a_half_downloaded_model_says_offline_what_it_lacks(cache, settings, files, missing):
    cache_model(cache, NAME, {name: c for name, c in files.items() if name != missing}, tree=tuple(files))
    facts = refused(errors.ModelPartial, NAME, dataclasses.replace(settings, offline=True))
    assert (facts["missing"], facts["reason"]) == (missing, "LOGITSCOPE_OFFLINE")


def test_a_link_whose_blob_was_removed_is_fetched_again(hub, cache, settings):
    folder, _ = fetch(NAME, settings)
    (folder / "model.safetensors").resolve().unlink()
    fetch(NAME, settings)
    assert (folder / "model.safetensors").is_file()


def test_a_cache_that_is_only_read_is_not_written_to(cache, settings, files):
    commit = cache_model(cache, NAME, files)
    before = {path: path.lstat().st_mtime_ns for path in cache.rglob("*")}
    for path in [cache, *cache.rglob("*")]:
        if path.is_dir():
            path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert LocalEngine(dataclasses.replace(settings, offline=True)).describe(NAME).revision == commit
    for path in [cache, *cache.rglob("*")]:
        if path.is_dir():
            path.chmod(stat.S_IRWXU)
    assert {path: path.lstat().st_mtime_ns for path in cache.rglob("*")} == before


def test_hugging_faces_own_switch_forbids_the_hub_too(hub, settings, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert refused(errors.ModelUnreachable, NAME, settings)["reason"] == "HF_HUB_OFFLINE"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    assert refused(errors.ModelUnreachable, NAME, dataclasses.replace(settings, offline=True))["reason"] == (
        "LOGITSCOPE_OFFLINE"
    )
    assert hub.asked == []


# -- a download ---------------------------------------------------------------------------------------------------
def test_only_what_transformers_reads_is_downloaded_and_into_hugging_faces_cache(hub, cache, settings, files):
    twice = {
        "README.md": b"x",
        "modeling.py": b"x",
        "pytorch_model.bin": b"x" * 99,
        "consolidated.safetensors": b"x" * 99,
        "original/params.json": b"x",
        "original/model.safetensors": b"x" * 99,
        "onnx/model.onnx": b"x" * 99,
        "additional_chat_templates/tools.jinja": b"x",
    }
    hub.models[NAME].commit(files | twice)
    folder, commit = fetch(NAME, settings)
    wanted = set(files) | {"additional_chat_templates/tools.jinja"}
    assert set(files) >= READ
    assert set(hub.fetched()) == wanted
    assert folder == cache / "models--org--tiny" / "snapshots" / commit
    assert huggingface_hub.snapshot_download(NAME, revision=commit, local_files_only=True, allow_patterns=list(files))


def test_weights_are_looked_at_before_they_are_fetched(hub, settings):
    hub.models[NAME].parameters = {"F32": 1000, "BF16": 10}
    looked = []

    def check(config, tensors):
        looked.append((config["model_type"], {name: tensor.nbytes for name, tensor in tensors.items()}))
        raise errors.ModelTooLarge(model=NAME, needed=9, available=1)

    with pytest.raises(errors.ModelTooLarge):
        source.fetch(NAME, settings, CallControl(), check)
    assert looked == [("llama", {"F32": 4000, "BF16": 20})]
    assert "config.json" in hub.fetched()
    assert "model.safetensors" not in hub.fetched()


def test_a_model_that_does_not_fit_is_refused_before_its_weights_are_fetched(hub, settings, monkeypatch):
    hub.models[NAME].parameters = {"BF16": 10**13}
    with pytest.raises(errors.ModelTooLarge) as error:
        LocalEngine(settings).describe(NAME)
    assert error.value.facts["needed"] == 52_000.0  # GB: 1.3 times 4 bytes for each
    assert "model.safetensors" not in hub.fetched()


def test_an_encoder_decoder_is_refused_before_its_weights_are_fetched(hub, settings, files):
    config = json.loads(files["config.json"]) | {"model_type": "t5", "is_encoder_decoder": True}
    hub.models[NAME].commit(files | {"config.json": json.dumps(config).encode()})
    with pytest.raises(errors.ModelEncoderDecoder):
        LocalEngine(settings).describe(NAME)
    assert "model.safetensors" not in hub.fetched()


def test_progress_counts_the_bytes_that_are_missing_and_ends_with_all_of_them(hub, settings, files):
    files["model.safetensors"] += b"\0" * (3 << 20)  # beyond what the header names
    hub.models[NAME].commit(files)
    told, shares = [], []
    fetch(
        NAME, settings, CallControl(progress=shares.append, on_download=lambda done, total: told.append((done, total)))
    )
    weights = len(files["model.safetensors"])
    small = sum(map(len, files.values())) - weights
    assert {total for _, total in told} == {small, weights}
    assert told[-1] == (weights, weights)
    assert shares[-1] == 1.0
    assert len([done for done, total in told if total == weights]) >= 3  # not all at the end


def test_a_stop_ends_the_download_and_leaves_nothing_half(hub, cache, settings, files):
    hub.models[NAME].commit(files | {"model.safetensors": files["model.safetensors"] + b"\0" * (30 << 20)})
    hub.pause = 0.01
    control = CallControl()
    control = dataclasses.replace(control, on_download=lambda done, total: done > 1e6 and control.cancel.set())
    began = time.monotonic()
    with pytest.raises(errors.Cancelled):
        fetch(NAME, settings, control)
    assert time.monotonic() - began < 4
    sent = hub.sent
    assert sent < 20 << 20
    assert not list(cache.rglob("*.incomplete"))
    assert pins.pinned_commit(NAME, settings) is None
    hub.pause = 0
    assert fetch(NAME, settings)[1] == hub.models[NAME].refs["main"]


def test_a_connection_that_is_cut_off_goes_on_where_it_was(hub, settings, files):
    files["model.safetensors"] += b"\0" * (4 << 20)
    hub.models[NAME].commit(files)
    hub.cut_after = 3 << 20
    folder, _ = fetch(NAME, settings)
    assert (folder / "model.safetensors").read_bytes() == files["model.safetensors"]
    assert hub.fetched().count("model.safetensors") == 2


def test_two_visitors_who_ask_at_once_get_the_same_and_the_weights_go_over_the_line_once(hub, settings):
    hub.pause = 0.05
    found = []
    threads = [threading.Thread(target=lambda: found.append(fetch(NAME, settings))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 2
    assert found[0] == found[1]
    assert hub.fetched().count("model.safetensors") == 1


def test_a_cache_that_another_process_writes_to_is_waited_for_and_then_read(hub, cache, settings, files):
    """As `hf download` in a terminal: its file is not fetched a second time."""
    hub.models[NAME].commit(files | {"model.safetensors": files["model.safetensors"] + b"\0" * (6 << 20)})
    hub.pause = 0.02
    given = os.environ | {"HF_ENDPOINT": hub.address, "HF_HUB_CACHE": str(cache), "HF_HUB_DISABLE_XET": "1"}
    code = f"import huggingface_hub; huggingface_hub.snapshot_download({NAME!r})"
    with subprocess.Popen([sys.executable, "-c", code], env=given) as other:
        end = time.monotonic() + 30
        while "model.safetensors" not in hub.fetched() and time.monotonic() < end:
            time.sleep(0.01)
        folder, commit = fetch(NAME, settings)
        assert (folder / "model.safetensors").stat().st_size == len(files["model.safetensors"]) + (6 << 20)
        assert other.wait(30) == 0
    assert commit == hub.models[NAME].refs["main"]
    assert hub.fetched().count("model.safetensors") == 1


# -- what the hub refuses -----------------------------------------------------------------------------------------
def test_what_the_hub_does_not_show_is_private_or_not_there(hub, settings):
    hub.models["org/secret"] = Repository(private=True)
    hub.models["org/secret"].commit({"config.json": b"{}"})
    assert refused(errors.ModelPrivate, "org/secret", settings)["name"] == "org/secret"
    refused(errors.ModelPrivate, "org/none@v1", settings)


def test_with_the_operators_token_what_is_not_there_is_unknown(hub, settings, monkeypatch):
    operators_token(monkeypatch)
    refused(errors.ModelUnknown, "org/none", settings)


def test_a_gated_model_is_said_to_be_gated(hub, settings, cache, files):
    hub.models[NAME].gated = True
    refused(errors.ModelGated, NAME, settings)
    assert hub.fetched() == []


def test_a_revision_that_does_not_exist_is_named(hub, settings):
    assert refused(errors.RevisionUnknown, f"{NAME}@step9", settings)["revision"] == "step9"
    assert refused(errors.RevisionUnknown, f"{NAME}@{commit_of('none')}", settings)["revision"] == commit_of("none")


def test_a_pinned_commit_that_the_hub_has_no_more_is_named(hub, settings):
    pins.pin(NAME, commit_of("gone"), settings)
    assert refused(errors.RevisionUnknown, NAME, settings)["revision"] == commit_of("gone")


def test_a_model_that_was_here_and_is_removed_is_said_to_be_removed(hub, cache, settings):
    folder, _ = fetch(NAME, settings)
    (folder / "config.json").unlink()
    del hub.models[NAME]
    refused(errors.ModelRemoved, NAME, settings)


def test_a_renamed_model_is_fetched_under_the_id_that_was_asked_and_its_new_name_is_known(hub, settings):
    hub.models["new-org/tiny"] = hub.models.pop(NAME)
    hub.renamed[NAME] = "new-org/tiny"
    assert fetch(NAME, settings)[1] == hub.models["new-org/tiny"].refs["main"]
    assert pins.public_name(NAME, settings) == "new-org/tiny"
    assert registry.hub_name(registry.find(NAME, settings), settings) == "new-org/tiny"


def test_a_data_set_is_called_one(hub, settings):
    hub.datasets.add("org/data")
    refused(errors.ModelIsDataset, "org/data", settings)


def test_an_adapter_on_the_hub_is_called_one_and_its_weights_are_not_fetched(hub, settings):
    hub.models[NAME].commit({"adapter_config.json": b"{}", "adapter_model.safetensors": b"x" * 100})
    refused(errors.AdapterOnHub, NAME, settings)
    assert "adapter_model.safetensors" not in hub.fetched()


def test_too_many_requests_say_how_long_to_wait(hub, settings):
    hub.refuse = 429
    assert refused(errors.HubBusy, NAME, settings)["seconds"] == 55


def test_a_hub_that_is_down_and_one_that_is_not_there_are_unreachable(hub, settings, monkeypatch):
    hub.refuse = 503
    assert "503" in str(refused(errors.ModelUnreachable, NAME, settings)["reason"])
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    refused(errors.ModelUnreachable, NAME, settings)


def test_a_cache_that_cannot_be_written_is_no_network_that_cannot_be_reached(hub, settings, cache):
    cache.parent.parent.mkdir(parents=True, exist_ok=True)
    cache.parent.write_text("a file where the cache's folder should be")
    assert refused(errors.CacheUnwritable, NAME, settings)["folder"] == cache


def test_a_disk_without_room_is_noticed_before_the_download(hub, settings, cache, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10}))
    assert os.strerror(errno.ENOSPC) in str(refused(errors.CacheUnwritable, NAME, settings)["reason"])
    assert hub.fetched() == []


def test_weights_only_as_pickle_and_code_of_its_own_are_unsafe(hub, settings, files):
    hub.models[NAME].commit({"config.json": files["config.json"], "pytorch_model.bin": b"x"})
    refused(errors.ModelUnsafe, NAME, settings)
    config = {"auto_map": {"AutoModel": "modeling.X"}, "model_type": "new"}
    hub.models[NAME].commit(files | {"config.json": json.dumps(config).encode()})
    refused(errors.ModelUnsafe, NAME, settings)
    assert hub.fetched() == []


# -- whose token --------------------------------------------------------------------------------------------------
def operators_token(monkeypatch):
    """The operator has a token and lets everyone use it."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "0")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", False)


def test_the_operators_token_is_never_sent_unless_he_says_so(hub, settings, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", False)
    monkeypatch.delenv("HF_HUB_DISABLE_IMPLICIT_TOKEN")
    fetch(NAME, settings)
    refused(errors.ModelPrivate, "org/none", settings)
    source.commits(NAME, settings)
    assert hub.tokens == set()


def test_with_it_gated_and_private_models_are_fetched(hub, settings, monkeypatch):
    operators_token(monkeypatch)
    hub.models[NAME].gated = hub.models[NAME].private = True
    assert fetch(NAME, settings)[1] == hub.models[NAME].refs["main"]
    assert hub.tokens == {f"Bearer {TOKEN}"}
    assert pins.public_name(NAME, settings) is None


def test_where_any_id_is_allowed_the_operators_own_downloads_are_not_opened(hub, cache, settings, files):
    """The cache has them; the hub does not show them to everybody."""
    for private, gated, error in ((True, False, errors.ModelPrivate), (False, True, errors.ModelGated)):
        commit = cache_model(cache, NAME, files)
        hub.models[NAME] = Repository({commit: files}, {"main": commit}, private=private, gated=gated)
        refused(error, NAME, settings, ask_hub=True)
    refused(errors.ModelUnreachable, NAME, dataclasses.replace(settings, offline=True), ask_hub=True)
    assert fetch(NAME, settings)[1]  # the operator names it: that is his leave


def test_where_any_id_is_allowed_what_was_open_to_all_is_opened_without_the_hub(hub, settings):
    fetch(NAME, settings, ask_hub=True)
    hub.asked.clear()
    assert fetch(NAME, dataclasses.replace(settings, offline=True), ask_hub=True)[1]
    assert hub.asked == []


def test_the_variables_of_the_client_have_our_defaults_where_the_operator_has_none():
    names = ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "HF_HUB_DISABLE_XET")
    code = f"import dashboard.engine, huggingface_hub.constants as c; print(*(getattr(c, n) for n in {names}))"
    for value, expected in ((None, "True True"), ("0", "False False")):
        given = {name: content for name, content in os.environ.items() if name not in names}
        given |= {} if value is None else dict.fromkeys(names, value)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=given, check=True)
        assert done.stdout.strip() == expected


def test_the_operators_certificates_are_trusted(hub, settings, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "other.pem")
    source.trust_certificates(dataclasses.replace(settings, ca_bundle="own.pem"))
    assert (os.environ["SSL_CERT_FILE"], os.environ["REQUESTS_CA_BUNDLE"]) == ("own.pem", "own.pem")


# -- pins ---------------------------------------------------------------------------------------------------------
def test_old_and_new_commit_of_a_pin_are_told_and_renewing_it_opens_the_new_one(hub, settings, files):
    old = fetch(NAME, settings)[1]
    assert source.commits(NAME, settings) == PinnedCommit(NAME, old, old, "main")
    new = hub.models[NAME].commit(files | {"generation_config.json": b"{}"})
    assert source.commits(NAME, settings) == PinnedCommit(NAME, old, new, "main")
    assert fetch(NAME, settings)[1] == old
    pins.pin(NAME, new, settings)
    assert fetch(NAME, settings)[1] == new
    assert fetch(f"{NAME}@{old}", settings)[1] == old
    assert source.commits(f"{NAME}@{old}", settings) == PinnedCommit(f"{NAME}@{old}", old, new, "main")


def test_the_command_shows_old_and_new_commit_and_renews_on_request(hub, settings, files, monkeypatch, capsys):
    monkeypatch.setenv("LOGITSCOPE_CACHE_DIR", str(settings.cache_dir))
    monkeypatch.setenv("LOGITSCOPE_DATA_DIR", str(settings.data_dir))
    old = fetch(NAME, settings)[1]
    new = hub.models[NAME].commit(files | {"generation_config.json": b"{}"})

    def said(*arguments):
        code = pins_command.main(arguments)
        return code, capsys.readouterr().out

    assert said() == (0, f"{old}  {NAME}\n")
    code, line = said(NAME)
    assert (code, old in line, new in line, pins.pinned_commit(NAME, settings)) == (0, True, True, old)
    code, line = said(NAME, "--renew")
    assert (code, old in line, new in line, pins.pinned_commit(NAME, settings)) == (0, True, True, new)
    assert old not in said(NAME)[1]
    assert said("org/none")[0] == 2


def test_pins_that_an_earlier_version_left_in_the_cache_folder_hold(settings):
    settings.cache_dir.mkdir()
    (settings.cache_dir / "pins.json").write_text(json.dumps({"gpt2": "e" * 40, "other": "f" * 40}))
    assert pins.pinned_commit("gpt2", settings) == "e" * 40
    pins.pin("third", "a" * 40, settings)
    assert json.loads((settings.data_dir / "pins.json").read_text()) == {
        "gpt2": "e" * 40,
        "other": "f" * 40,
        "third": "a" * 40,
    }
    pins.pin("gpt2", "d" * 40, settings)
    assert pins.pinned_commit("gpt2", settings) == "d" * 40


def test_a_damaged_list_of_pins_is_made_again(settings):
    settings.data_dir.mkdir()
    (settings.data_dir / "pins.json").write_text("{")
    assert pins.pins(settings) == {}
    pins.pin("gpt2", "a" * 40, settings)
    assert pins.pins(settings) == {"gpt2": "a" * 40}
