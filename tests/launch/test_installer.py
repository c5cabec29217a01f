"""Which installer is taken, and what it is called with."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.launch import installer
from dashboard.launch.installer import Installer, SetupFailed, find_installer, pip_is_configured


@pytest.fixture
def plain_pip(monkeypatch, tmp_path):
    """A pip that nobody configured."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


@pytest.fixture
def commands(monkeypatch):
    """What would be run."""
    run = []
    monkeypatch.setattr(installer, "run", lambda command, message_id, count=None: run.append(command))
    return run


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PIP_INDEX_URL", "http://127.0.0.1:9/simple"), ("PIP_FIND_LINKS", "/wheels"), ("PIP_CERT", "/cert.pem")],
)
def test_what_is_configured_for_pip_is_noticed(plain_pip, monkeypatch, variable, value):
    assert not pip_is_configured()
    monkeypatch.setenv(variable, value)
    assert pip_is_configured()


@pytest.mark.parametrize(
    ("listed", "configured"),
    [
        ("global.timeout='60'\n:env:.disable-pip-version-check='1'\n", False),
        ("global.extra-index-url='http://127.0.0.1:9/simple\n  http://127.0.0.1:8/simple'\n", True),
        ("install.no_index='true'\n", True),
        ("", False),
    ],
)
def test_a_file_that_configures_pip_is_noticed(plain_pip, monkeypatch, listed, configured):
    """As `pip config list` prints it."""
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, listed))
    assert pip_is_configured() is configured


def test_uv_is_taken_where_it_fetches_from_the_same_place(plain_pip, monkeypatch, commands, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    find_installer().install(Path("python"), ["six"])
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    find_installer().install(Path("python"), ["six"])
    assert commands[0][:3] == ["/bin/uv", "pip", "install"]
    assert commands[1][:4] == ["python", "-m", "pip", "install"]
    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    find_installer().make(tmp_path, "pip==26.3")
    assert commands[2][:3] == [sys.executable, "-m", "venv"]


def test_nothing_is_compiled_that_may_never_be_imported(tmp_path, plain_pip, monkeypatch):
    """The real pip, and a package made here."""
    package = tmp_path / "small"
    package.mkdir()
    (package / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "small"\nversion = "1"\n[tool.hatch.build.targets.wheel]\ninclude = ["small.py"]\n'
    )
    (package / "small.py").write_text("NUMBER = 1\n")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=package, check=True, capture_output=True)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # a closed port of this machine
    monkeypatch.setenv("PIP_RETRIES", "0")
    Installer().make(tmp_path / "env", f"pip==26.3 --hash=sha256:{'0' * 64}")  # none that can be had: this Python's own
    python = tmp_path / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    (wheel,) = map(str, tmp_path.glob("small-1-*.whl"))
    Installer().install(python, ["--no-deps", "--no-index", wheel])
    (module,) = (tmp_path / "env").rglob("small.py")
    assert not (module.parent / "__pycache__" / f"small.{sys.implementation.cache_tag}.pyc").exists()
    # a file with another hash is refused, and said to be one
    (tmp_path / "locked.txt").write_text(f"small==1 --hash=sha256:{'0' * 64}\n")
    arguments = ["--force-reinstall", "--no-index", "--find-links", str(tmp_path), "--no-deps", "--require-hashes"]
    with pytest.raises(SetupFailed) as failure:
        Installer().install(python, [*arguments, "-r", str(tmp_path / "locked.txt")])
    assert failure.value.message_id == "wrong_hash"
