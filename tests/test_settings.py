"""The operator's settings, from environment and file."""

import re
from pathlib import Path

import pytest

from dashboard.errors import SettingInvalid, SettingUnknown
from dashboard.settings import BUNDLED, Settings, unknown, without_password


def test_without_anything_the_defaults_hold():
    assert Settings.load({}) == Settings()
    assert Settings().model == BUNDLED
    assert BUNDLED in Settings().models


def test_the_environment_is_read_by_kind():
    found = Settings.load(
        {
            "LOGITSCOPE_MODELS": "gpt2, a/b ,",
            "LOGITSCOPE_OFFLINE": "yes",
            "LOGITSCOPE_MAX_TOKENS": "512",
            "LOGITSCOPE_BUSY_SECONDS": "1.5",
            "LOGITSCOPE_CACHE_DIR": "somewhere",
        }
    )
    assert found.models == ("gpt2", "a/b")
    assert found.offline is True
    assert (found.max_tokens, found.busy_seconds) == (512, 1.5)
    assert found.cache_dir == Path("somewhere")


def test_the_environment_wins_over_the_file(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text('language = "es"\nmax_models = 1\nlocal_models = ["a", "b"]\noffline = true\n')
    found = Settings.load({"LOGITSCOPE_CONFIG": str(path), "LOGITSCOPE_LANGUAGE": "en"})
    assert (found.language, found.max_models, found.local_models, found.offline) == ("en", 1, ("a", "b"), True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_TOKENS", "many"),
        ("MAX_TOKENS", "-1"),
        ("MAX_TOKENS", "1e9"),
        ("OFFLINE", "maybe"),
        ("BUSY_SECONDS", "nan"),
        ("CONFIG", "no such file"),
        ("BUSY_SECONDS", "inf"),
        ("MAX_MODELS", "0"),
        ("RUN_BYTES", "0"),
        ("RUN_BYTES", "4 gibibytes"),
        ("RUN_BYTES", "1.5"),
        ("JOBS_BYTES", "-1 MB"),
        ("LANGUAGE", "fr"),
        ("DEVICE", "gpu"),
        ("DEVICE", "cuda:x"),
        ("DTYPE", "float8"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named(name, value):
    with pytest.raises(SettingInvalid) as error:
        Settings.load({f"LOGITSCOPE_{name}": value})
    facts = error.value.facts
    assert (facts["setting"], facts["value"]) == (name.lower(), value)
    # what it can be, in signs of any language, and not what Python says
    assert name == "CONFIG" or facts["reason"].startswith(f"{name.lower()} = ")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("OFFLINE", "on", True),
        ("OFFLINE", "Off", False),
        ("OFFLINE", "", False),
        ("RUN_BYTES", "4 GiB", 4 << 30),
        ("RUN_BYTES", "4gib", 4 << 30),
        ("RUN_BYTES", "2G", 2 << 30),
        ("RUN_BYTES", "512 MB", 512_000_000),
        ("RUN_BYTES", "1.5 GiB", 3 << 29),
        ("JOBS_BYTES", "2147483648", 2 << 30),
        ("DEVICE", "cuda:1", "cuda:1"),
        ("LANGUAGE", " es ", "es"),
        ("CACHE_DIR", "", None),
        ("DATA_DIR", "~/jobs", Path.home() / "jobs"),
        ("MAX_MODELS", "", 2),
        ("LANGUAGE", "", "auto"),
        ("MODELS", "", ()),
    ],
)
def test_a_setting_is_understood_as_people_write_it(name, value, expected):
    assert getattr(Settings.load({f"LOGITSCOPE_{name}": value}), name.lower()) == expected


@pytest.mark.parametrize("line", ["max_models = true", "max_tokens = 2.5", "offline = 2", "local_models = 3"])
def test_a_value_of_another_kind_in_the_file_is_named(tmp_path, line):
    path = tmp_path / "settings.toml"
    path.write_text(line)
    with pytest.raises(SettingInvalid, match=re.escape(line.split()[0])):
        Settings.load({"LOGITSCOPE_CONFIG": str(path)})


def test_misspelt_variables_are_named_with_what_was_meant():
    given = {"LOGITSCOPE_MODLES": "gpt2", "LOGITSCOPE_QX": "1", "LOGITSCOPE_MODEL": "gpt2", "LOGITSCOPE_CONFIG": "a"}
    assert unknown(given | {"HOME": "/"}) == ("LOGITSCOPE_MODLES (LOGITSCOPE_MODELS?)", "LOGITSCOPE_QX")


def test_a_misspelt_name_in_the_file_is_named_with_the_nearest_one(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text("max_model = 1")
    with pytest.raises(SettingUnknown) as error:
        Settings.load({"LOGITSCOPE_CONFIG": str(path)})
    assert error.value.facts | {"file": ""} == {
        "setting": "max_model",
        "file": "",
        "nearest": "max_models",
        "variable": "LOGITSCOPE_MAX_MODEL",
    }


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://ana:secret@host:5432/views", "postgresql://ana:***@host:5432/views"),
        ("postgresql://ana:se:cr@et/@host/views", "postgresql://ana:***@host/views"),
        ("postgresql://ana@host/views?password=secret&sslmode=require", "postgresql://ana:***@host/views?***"),
        ("postgresql://host/views", "postgresql://host/views"),
        ("postgresql:///views", "postgresql:///views"),
        ("secret", "***"),
        ("mysql://ana:secret@host", "mysql://ana:***@host"),
    ],
)
def test_an_address_is_shown_without_its_password(address, shown):
    assert without_password(address) == shown


def test_no_message_and_no_text_of_the_settings_has_the_password():
    for wrong in ("mysql://ana:secret@host/views", "ana:secret@host", "postgresql://ana:secret@host /views"):
        with pytest.raises(SettingInvalid) as error:
            Settings.load({"LOGITSCOPE_DATABASE": wrong})
        assert "secret" not in f"{error.value} {error.value.facts}"
        assert error.value.__suppress_context__
    given = Settings.load({"LOGITSCOPE_DATABASE": "postgres://ana:secret@host/views"})
    assert given.database == "postgres://ana:secret@host/views"
    assert "secret" not in repr(given)
