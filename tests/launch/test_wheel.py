"""The wheel: built here, installed into an empty environment, and started from somebody else's folder."""

import os
import subprocess
import sys
import sysconfig
import time
import tomllib
import zipfile
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from dashboard import __version__
from dashboard.launch.commands import END_SECONDS, healthy, pick_port

ROOT = Path(__file__).parents[2]
CONFIG = tomllib.loads((ROOT / "dashboard" / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
PACKAGES = ("dashboard", "components", "pages")
LARGEST = 2 << 20
"""Bytes of the wheel."""
START_SECONDS = 90.0


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this project; hatchling is already here, so nothing is downloaded."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Programs of an environment with the wheel; what it depends on lies where the tests' own packages are."""
    folder = tmp_path_factory.mktemp("somewhere") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    before = set(packages.iterdir())
    into = [sys.executable, "-m", "pip", "--python", str(folder)]
    subprocess.run([*into, "install", "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True)
    added = {path.name for path in set(packages.iterdir()) - before}
    assert added == {"logitscope", f"logitscope-{__version__}.dist-info"}
    borrowed = sorted({path for path in sys.path if path.endswith("site-packages")})
    (packages / "borrowed.pth").write_text("\n".join(borrowed), encoding="utf-8")
    return programs


@pytest.fixture
def elsewhere(tmp_path):
    """Somebody's folder with files that bear our packages' names, and a configuration of Streamlit of its own."""
    for name in PACKAGES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the wrong package')")
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text(
        '[browser]\ngatherUsageStats = true\n[theme.light]\nprimaryColor = "#ff0000"\n'
    )
    return tmp_path


def surroundings(folder, tiny_folder):
    """The person's environment: a tiny model, so that nothing has to be converted or fetched."""
    theirs = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONSAFEPATH"}}
    return theirs | {
        "LOGITSCOPE_CACHE_DIR": str(folder / "cache"),
        "LOGITSCOPE_LOCAL_MODELS": os.path.relpath(tiny_folder, folder),
        "LOGITSCOPE_MODEL": f"local/{tiny_folder.name}",
    }


def test_the_wheel_is_small_and_holds_what_the_project_holds(wheel):
    assert wheel.stat().st_size <= LARGEST
    assert wheel.name == f"logitscope-{__version__}-py3-none-any.whl"
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    kept = [path for name in PACKAGES for path in (ROOT / name).rglob("*")]
    files = {path.relative_to(ROOT).as_posix() for path in kept if path.is_file() and "__pycache__" not in path.parts}
    apart = {"dashboard/__main__.py", "dashboard/launch/installed.py"}
    assert names == {f"logitscope/{name}" for name in files - apart} | {"logitscope/__main__.py"}


def test_the_commands_of_the_wheel_are_those_that_need_no_checkout(installed, elsewhere):
    def printed(*command):
        return subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=True).stdout

    assert printed(installed / "logitscope", "--version") == f"Logitscope {__version__}\n"
    assert printed(installed / "python", "-m", "logitscope", "--version") == f"Logitscope {__version__}\n"
    assert "{export,gate,start,setup,settings,verify,pins}" in printed(installed / "logitscope", "--help")
    assert "--format" in printed(installed / "logitscope", "export", "--help")
    assert tomllib.loads(printed(installed / "logitscope", "settings"))["max_models"] == 2


def test_started_from_any_folder_it_keeps_its_look_and_its_promises(installed, elsewhere, tiny_folder):
    port = pick_port("127.0.0.1", None)
    command = [installed / "logitscope", "--headless", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, cwd=elsewhere, env=surroundings(elsewhere, tiny_folder))
    try:
        end = time.monotonic() + START_SECONDS
        while not healthy(f"http://127.0.0.1:{port}"):
            assert server.poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)
        session = first_message(port)
    finally:
        server.terminate()
        server.wait(END_SECONDS + 10)
    assert session.config.gather_usage_stats is False
    assert session.config.toolbar_mode == session.config.ToolbarMode.VIEWER
    assert session.custom_theme.light.primary_color == CONFIG["theme"]["light"]["primaryColor"]
    assert session.custom_theme.body_font == CONFIG["theme"]["font"]


def first_message(port):
    """What the server says when a page is opened: its configuration and theme."""
    address = f"ws://127.0.0.1:{port}/_stcore/stream"
    with connect(address, subprotocols=["streamlit"], max_size=None) as socket:
        message = BackMsg()
        message.rerun_script.query_string = ""
        socket.send(message.SerializeToString())
        while True:
            answer = ForwardMsg()
            answer.ParseFromString(socket.recv(timeout=30))
            if answer.WhichOneof("type") == "new_session":
                return answer.new_session
