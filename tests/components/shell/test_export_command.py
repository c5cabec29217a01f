"""``python -m dashboard export``: the files of a link's charts without a browser, named and filled as in one."""

import json
import re
from xml.etree import ElementTree

import pandas as pd
import pytest
from streamlit.logger import set_log_level

from components.shell.export import command
from components.shell.export.files import RECORD
from components.shell.waiting import at_once
from dashboard.i18n import Catalogue
from dashboard.pictures.browser import Browser, find_browser
from tests.pages.conftest import environment, open_page, opened  # noqa: F401 - fixtures

PROMPT = "zebra lamp river zebra lamp"
LINK = "https://host.example/base/attention?prompt=zebra+lamp+river+zebra+lamp&attention_layer=1&attention_head=1"


@pytest.fixture
def export(open_page, tmp_path, monkeypatch, capsys):  # noqa: F811
    """Run the command on a folder of its own: (exit code, paths printed, errors printed)."""
    monkeypatch.setenv("LOGITSCOPE_LANGUAGE", "en")

    def run(link, *arguments):
        code = command.main([link, "--out", str(tmp_path / "out"), *arguments])
        out, errors = capsys.readouterr()
        errors = re.sub(r"^.*Loading weights.*\n", "", errors, flags=re.MULTILINE)
        return code, [path for path in map(str.strip, out.splitlines()) if path], errors

    run.folder = tmp_path / "out"
    yield run
    set_log_level("WARNING")


def test_the_charts_of_a_link_are_saved_as_tables_with_the_names_of_the_browser(export, open_page):  # noqa: F811
    code, paths, errors = export(LINK, "--format", "csv,parquet,json", "--panel", "head")
    assert (code, errors) == (0, "")
    assert sorted(path.rpartition(".")[2] for path in paths) == ["csv", "json", "parquet"]
    (stem,) = {path.rpartition("/")[2].rpartition(".")[0] for path in paths}
    at = open_page("attention", {"prompt": PROMPT, "attention_layer": "1", "attention_head": "1"})
    assert stem.removeprefix("logitscope-head-L1H1-") in " ".join(str(e.proto.body) for e in at.get("html"))
    frame = pd.read_parquet(export.folder / f"{stem}.parquet")
    document = json.loads((export.folder / f"{stem}.json").read_text())
    assert len(frame) == len(document["rows"]) > 9
    assert stem.endswith(document["provenance"]["result"])


def test_a_picture_is_saved(export):
    if find_browser() is None:
        pytest.skip("no Chromium found: install one, or name it in BROWSER_PATH")
    code, (path,), errors = export(LINK, "--panel", "head", "--preset", "single", "--mode", "dark", "--no-title")
    assert (code, errors) == (0, "")
    root = ElementTree.parse(path).getroot()
    assert root.get("width") == "88.90mm"
    assert root.find("{http://www.w3.org/2000/svg}rect").get("fill") == "#101216"


def test_without_a_browser_tables_are_saved_and_pictures_said_to_be_missing(export, monkeypatch):
    monkeypatch.setattr(command, "shared_browser", lambda: Browser(None))
    code, paths, errors = export(LINK, "--panel", "head", "--format", "csv,pdf,html")
    assert code == 1
    assert [path.rpartition(".")[2] for path in paths] == ["csv", "html"]
    assert "There is no Chromium or Chrome on this machine" in errors


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("nowhere?prompt=a", "There is no page “nowhere”. There are: overview, attention"),
        ("attention?prompt=zebra&attention_layr=1", "attention_layr"),
        ("attention?prompt=zebra+lamp&attention_layer=99", "from 0 to"),
        ("attention?prompt=", "the prompt is empty"),
        ("attention?prompt=zebra&model=other%2Fmodel", "other/model"),
    ],
)
def test_a_link_that_cannot_be_followed_makes_no_file_and_says_why(export, link, words):
    code, paths, errors = export(link, "--format", "csv")
    assert (code, paths) == (1, [])
    assert words in errors
    assert not export.folder.exists()


def test_a_panel_that_is_not_there_is_named_with_those_that_are(export):
    code, paths, errors = export(LINK, "--panel", "haed", "--format", "csv")
    assert (code, paths) == (1, [])
    assert "no chart “haed”" in errors
    assert "mosaic, head, " in errors


def test_a_folder_that_cannot_be_written_is_said(export, tmp_path):
    (tmp_path / "out").write_text("a file")
    code, paths, errors = export(LINK, "--panel", "head", "--format", "csv")
    assert (code, paths) == (1, [])
    assert "could not be written" in errors


@pytest.mark.parametrize("wrong", [["--format", "gif"], ["--format", ","], ["--width", "20"], ["--scale", "9"], []])
def test_options_that_cannot_be_are_refused(wrong, capsys):
    with pytest.raises(SystemExit) as end:
        command.main([*wrong, *([] if not wrong else ["attention"])])
    assert end.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_texts_that_take_a_while_are_waited_for(export):
    columns = '[{"do_sample": false, "max_new_tokens": 4}]'
    link = f"sampling?prompt=zebra+lamp&sampling_columns={columns}"
    code, paths, errors = export(link, "--format", "csv", "--panel", "sequences")
    assert (code, errors) == (0, "")
    assert len(paths) == 1


def test_nobody_is_asked_before_long_work(monkeypatch):
    assert not at_once(1000)
    monkeypatch.setattr("components.shell.waiting.st.session_state", {RECORD: []})
    assert at_once(1000)


def test_the_help_is_in_the_persons_language(monkeypatch, capsys):
    monkeypatch.setenv("LOGITSCOPE_LANGUAGE", "es")
    with pytest.raises(SystemExit):
        command.main(["--help"])
    assert " ".join(Catalogue("es")("export.command.about").split()[:3]) in " ".join(capsys.readouterr().out.split())
