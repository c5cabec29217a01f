"""The server process, before Streamlit runs."""

import pytest

from dashboard.launch import server


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
