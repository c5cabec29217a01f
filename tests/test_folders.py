"""Where files stay between starts."""

from pathlib import Path

import platformdirs
import pytest

from dashboard.launch import server
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


@pytest.mark.parametrize("writable", [True, False])
def test_the_server_says_where_its_log_is(tmp_path, monkeypatch, capsys, writable):
    folder = tmp_path / "cache"
    if not writable:
        folder.write_text("a file where the folder should be")
    monkeypatch.setenv("LOGITSCOPE_CACHE_DIR", str(folder))
    monkeypatch.setenv("LOGITSCOPE_LANGUAGE", "en")
    server._open_log()
    printed = capsys.readouterr().out
    assert str(folder / "logs" / "logitscope.log") in printed
    assert ("cannot be written" in printed) is not writable
