"""The command `settings`: what is in force and where it comes from, and the schema of a settings file."""

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import asdict, fields, replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.errors import SettingInvalid
from dashboard.i18n import Catalogue
from dashboard.launch.settings_command import schema, settings_file, toml
from dashboard.settings import Settings, origins

ROOT = Path(__file__).parents[2]
EXAMPLES = {
    'model = "gpt2"\nmodels = ["gpt2", "*"]\noffline = true': {
        "model": "gpt2",
        "models": ("gpt2", "*"),
        "offline": True,
    },
    'run_bytes = "4 GiB"\njobs_bytes = 1073741824\nresult_bytes = "1.5 g"': {
        "run_bytes": 4 << 30,
        "jobs_bytes": 1 << 30,
        "result_bytes": 3 << 29,
    },
    'device = "cuda:1"\ndtype = "bfloat16"\nlanguage = "es"\nbusy_seconds = 2.5': {
        "device": "cuda:1",
        "dtype": "bfloat16",
        "language": "es",
        "busy_seconds": 2.5,
    },
    'cache_dir = "~/models"\ndata_dir = "/srv/data"\nthreads = 4': {
        "cache_dir": Path("~/models").expanduser(),
        "data_dir": Path("/srv/data"),
        "threads": 4,
    },
}
"""A settings file -> what is in force then, where it differs from the defaults."""
WRONG = [
    "max_models = 0",
    "max_tokens = -1",
    'device = "gpu"',
    'language = "fr"',
    'run_bytes = "4 gibibytes"',
    "run_bytes = 0",
    "max_model = 1",
    "busy_seconds = -1",
    "local_models = 3",
]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    for name in [name for name in os.environ if name.startswith("LOGITSCOPE_")]:
        monkeypatch.delenv(name)


def printed(*arguments: str, **extra: str) -> str:
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"]
    command[-1] += "from dashboard.launch.commands import main; sys.exit(main(sys.argv[1:]))"
    given = {name: value for name, value in os.environ.items() if not name.startswith("LOGITSCOPE_")} | extra
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, env=given, check=False)
    assert done.stderr == ""
    return done.stdout


def test_each_setting_is_shown_with_where_it_comes_from(monkeypatch, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('run_bytes = "4 GiB"\nlanguage = "es"\n')
    monkeypatch.setenv("LOGITSCOPE_CONFIG", str(path))
    monkeypatch.setenv("LOGITSCOPE_LANGUAGE", "en")
    monkeypatch.setenv("LOGITSCOPE_DATA_DIR", str(tmp_path))
    lines = settings_file(Catalogue("en")).splitlines()
    assert f"run_bytes = {4 << 30}  # {path}" in lines
    assert 'language = "en"  # LOGITSCOPE_LANGUAGE' in lines
    assert f"data_dir = {toml(str(tmp_path))}  # LOGITSCOPE_DATA_DIR" in lines
    assert "max_models = 2  # default" in lines
    assert "# cache_dir: the user's cache folder" in lines
    assert origins() == {
        "run_bytes": str(path),
        "language": "LOGITSCOPE_LANGUAGE",
        "data_dir": "LOGITSCOPE_DATA_DIR",
    }


def test_what_is_shown_is_a_settings_file_that_gives_the_same(monkeypatch, tmp_path):
    monkeypatch.setenv("LOGITSCOPE_MODELS", 'gpt2, with "quotes" \\ and #')
    monkeypatch.setenv("LOGITSCOPE_CACHE_DIR", str(tmp_path / "ca\x7fche ñ"))
    monkeypatch.setenv("LOGITSCOPE_OFFLINE", "on")
    before = Settings.load()
    (tmp_path / "shown.toml").write_text(settings_file(Catalogue("es")), encoding="utf-8")
    assert before.models == ("gpt2", 'with "quotes" \\ and #')
    assert Settings.load({"LOGITSCOPE_CONFIG": str(tmp_path / "shown.toml")}) == before


def test_the_command_needs_nothing_that_is_installed():
    shown = printed("settings", LOGITSCOPE_MODLES="gpt2")
    assert tomllib.loads(shown)["max_models"] == 2
    assert "# There is no such setting" in shown
    assert "LOGITSCOPE_MODLES (LOGITSCOPE_MODELS?)" in shown
    assert json.loads(printed("settings", "--schema")) == schema()
    assert "max_models" in printed("settings", "--language", "en", LOGITSCOPE_MAX_MODELS="0")


def test_the_schema_says_what_each_setting_means():
    properties = schema()["properties"]
    assert list(properties) == [field.name for field in fields(Settings)]
    assert all(re.search(r"\w+ \w+", entry["description"]) for entry in properties.values())
    defaults = {name: value for name, value in asdict(Settings()).items() if value is not None}
    shown = {name: entry["default"] for name, entry in properties.items() if "default" in entry}
    assert shown == {name: list(value) if isinstance(value, tuple) else value for name, value in defaults.items()}
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize(("example", "read"), EXAMPLES.items())
def test_what_the_schema_allows_is_read(example, read, tmp_path):
    jsonschema.validate(tomllib.loads(example), schema())
    (tmp_path / "own.toml").write_text(example)
    assert Settings.load({"LOGITSCOPE_CONFIG": str(tmp_path / "own.toml")}) == replace(Settings(), **read)


@pytest.mark.parametrize("example", WRONG)
def test_what_is_refused_is_not_allowed_by_the_schema(example, tmp_path):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(example), schema())
    (tmp_path / "own.toml").write_text(example)
    with pytest.raises(SettingInvalid):
        Settings.load({"LOGITSCOPE_CONFIG": str(tmp_path / "own.toml")})


@given(st.sampled_from(list(fields(Settings))), st.data())
def test_any_single_value_that_the_schema_allows_is_read(field, data):
    """Through the environment, which holds the same values as text."""
    part = schema()["properties"][field.name]
    texts = st.one_of(
        st.integers(-2, 1 << 40).map(str),
        st.sampled_from(
            ["4 GiB", "1.5g", "2_000 kB", "0", "", "cpu", "cuda:0", "cuda:x", "es", "fr", "float16", "-1 MB"]
        ),
    )
    value = data.draw(texts)
    kinds = [json.loads(value)] if re.fullmatch(r"-?[0-9]+", value) else []
    if any(jsonschema.Draft202012Validator(part).is_valid(kind) for kind in [value, *kinds]):
        Settings.load({f"LOGITSCOPE_{field.name.upper()}": value})


@pytest.mark.skipif(os.name == "nt", reason="Windows tells nobody that a reader has gone")
@pytest.mark.parametrize("arguments", [[], ["--schema"]])
def test_whoever_reads_only_the_beginning_sees_no_traceback(arguments):
    command = [sys.executable, "-m", "dashboard", "settings", *arguments]
    reader, writer = os.pipe()
    os.close(reader)  # gone before anything is written
    done = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_password_is_not_printed_and_the_file_can_still_be_read():
    address = "postgresql://ana:secret@host/views?password=secret"
    shown = printed("settings", LOGITSCOPE_DATABASE=address)
    assert "secret" not in shown
    assert '# database = "postgresql://ana:***@host/views?***"  # LOGITSCOPE_DATABASE; ' in shown
    assert "database" not in tomllib.loads(shown)
