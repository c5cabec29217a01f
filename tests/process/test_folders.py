"""Where files stay between starts."""

from pathlib import Path

import platformdirs
import pytest

from dashboard.process.folders import cache_folder, data_folder
from dashboard.settings import Settings


def test_by_default_data_is_apart_from_what_can_be_fetched_again(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(platformdirs, "PlatformDirs", platformdirs.unix.Unix)
    assert cache_folder(Settings()) == tmp_path / "cache" / "logitscope"
    assert data_folder(Settings()) == tmp_path / "data" / "logitscope"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(cache_dir=Path("c")), (Path("c"), Path("c"))),
        (Settings(cache_dir=Path("c"), data_dir=Path("d")), (Path("c"), Path("d"))),
        (Settings(data_dir=Path("d")), (cache_folder(Settings()), Path("d"))),
    ],
)
def test_the_operators_folders_win(settings, expected):
    assert (cache_folder(settings), data_folder(settings)) == expected
