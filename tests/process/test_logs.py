"""The log: every unexpected error with its traceback, and no text of a user."""

import io
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.process import logs
from dashboard.process.logs import log_file, open_log

ROOT = Path(__file__).parents[2]
SECRET = "what a person typed"


@pytest.fixture(autouse=True)
def clean():
    """Afterwards no handler of ours is left."""
    yield
    for logger in map(logging.getLogger, (None, *logs._STREAMLIT)):
        logs._replace(logger, None)


def fail(text):
    raise ValueError(text) from KeyError(text)


def written(folder):
    return log_file(folder).read_text(encoding="utf-8")


def record(logger):
    try:
        fail(SECRET)
    except ValueError:
        logging.getLogger(logger).exception("a page")


def test_an_error_is_there_with_its_frames_and_causes_but_without_a_users_text(tmp_path):
    open_log(tmp_path)
    record("components.shell.waiting")
    text = written(tmp_path)
    assert text.count("Traceback") == 2
    assert "ValueError" in text
    assert "KeyError" in text
    assert "raise ValueError(text)" in text
    assert SECRET not in text


def test_what_another_handler_wrote_of_the_error_is_not_taken_over(tmp_path):
    shown = logging.StreamHandler(io.StringIO())
    logging.getLogger().addHandler(shown)
    try:
        open_log(tmp_path)
        record("components.shell.waiting")
    finally:
        logging.getLogger().removeHandler(shown)
    assert SECRET in shown.stream.getvalue()
    assert SECRET not in written(tmp_path)


def test_what_the_engine_says_while_it_loads_is_kept(tmp_path):
    open_log(tmp_path)
    record("dashboard.engine.models.failures")
    assert f"ValueError: {SECRET}" in written(tmp_path)


def test_a_second_call_writes_nothing_twice(tmp_path):
    for _ in range(3):
        open_log(tmp_path)
    record("a")
    assert written(tmp_path).count("a page") == 1


def test_the_log_stays_small(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "BYTES", 2000)
    open_log(tmp_path)
    for _ in range(100):
        record("a")
    files = list(log_file(tmp_path).parent.iterdir())
    assert len(files) == logs.FILES + 1
    assert sum(path.stat().st_size for path in files) < 20_000


def test_only_the_servers_user_can_read_it(tmp_path):
    path = open_log(tmp_path)
    if os.name != "nt":
        assert path.stat().st_mode & 0o077 == 0
        assert path.parent.stat().st_mode & 0o077 == 0


def test_where_it_cannot_be_written_it_goes_to_stderr(tmp_path, capsys):
    (tmp_path / "logs").write_text("a file where the folder should be")
    assert open_log(tmp_path) is None
    record("a")
    printed = capsys.readouterr().err
    assert "ValueError" in printed
    assert SECRET not in printed


PAGE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from dashboard import cache
from dashboard.i18n import Catalogue
from components.shell.view import error_frame
cache.settings()
@st.fragment
def part():
    raise KeyError({SECRET.upper()!r}.lower())
with error_frame(Catalogue("en")):
    if st.button("go"):
        raise RuntimeError("deliberate")
    part()
"""
RUN = f"""
from streamlit.testing.v1 import AppTest
at = AppTest.from_string({PAGE!r}).run()
at.button[0].click().run()
"""


def test_what_a_page_or_a_part_of_it_raises_is_in_the_log(tmp_path):
    """In a process and folder of its own, where nobody reads our Streamlit settings."""
    given = os.environ | {"LOGITSCOPE_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=tmp_path, env=given, capture_output=True, text=True, check=False
    )
    text = written(tmp_path / "cache")
    assert "RuntimeError" in text, done.stderr
    assert "KeyError" in text
    assert text.count("Traceback") == 2
    assert SECRET not in done.stdout + done.stderr
