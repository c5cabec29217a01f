"""The operator's settings, from environment and file."""

import re
from pathlib import Path

import pytest

from dashboard.errors import SettingInvalid
from dashboard.settings import BUNDLED, Settings


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
    ],
)
def test_a_setting_that_cannot_be_read_is_named(name, value):
    with pytest.raises(SettingInvalid) as error:
        Settings.load({f"LOGITSCOPE_{name}": value})
    assert error.value.facts["setting"] == name.lower()
    assert error.value.facts["value"] == value


def test_a_setting_that_does_not_exist_is_named(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text("colour = 1")
    with pytest.raises(SettingInvalid, match=re.escape("colour")):
        Settings.load({"LOGITSCOPE_CONFIG": str(path)})
