"""The two commands: set-up that survives what happens to it, and failures in plain words."""

import argparse
import errno
import os
import shutil
import socket
import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest

from dashboard.i18n import Catalogue
from dashboard.launch import commands, developer, environment, preparation
from dashboard.launch.environment import Environment, locked
from dashboard.launch.installer import Installer, SetupFailed, run, why
from dashboard.settings import CACHED, Settings

ROOT = Path(__file__).parents[2]


LOCKED = """
[[package]]
name = "logitscope"
dependencies = [{ name = "torch" }, { name = "six" }]
[package.dev-dependencies]
model = []
tests = []
[[package]]
name = "six"
version = "1.16.0"
wheels = [{ hash = "sha256:aa" }]
[[package]]
name = "torch"
version = "2.13.0"
dependencies = [{ name = "sympy" }, { name = "triton" }]
[[package]]
name = "sympy"
version = "1.14.0"
wheels = [{ hash = "sha256:bb" }]
[[package]]
name = "pip"
version = "26.3"
wheels = [{ hash = "sha256:dd" }]
[[package]]
name = "triton"
version = "3.7"
wheels = [{ hash = "sha256:cc" }]
"""


@pytest.fixture
def project(tmp_path):
    """A small project with its own requirements and lock."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "requirements.txt").write_text("# nothing\n")
    (tmp_path / "tests" / "requirements.txt").write_text("# nothing\n")
    (tmp_path / "uv.lock").write_text(LOCKED)
    return tmp_path


@pytest.fixture
def steps(monkeypatch):
    """Installations that are noted instead of made; an interpreter appears when the environment is made."""
    done = []

    def make(self, folder, pip):
        assert pip == "pip==26.3 --hash=sha256:dd"
        done.append(("make",))
        python = Environment(folder.parent).python
        python.parent.mkdir(parents=True)
        shutil.copy(sys.executable, python)

    def install(self, python, arguments, count=None):
        listed = Path(arguments[-1]).read_text().splitlines() if "locked" in arguments[-1] else ()
        done.append((*arguments[:-1], *listed) if listed else tuple(arguments))

    monkeypatch.setattr(Installer, "make", make)
    monkeypatch.setattr(Installer, "install", install)
    monkeypatch.setattr(Environment, "_works", lambda self: self.python.exists())
    monkeypatch.setattr(Environment, "_asked_for_by", lambda self, package: {"sympy"})  # a build without CUDA
    return done


BY_HASH = ("--no-deps", "--require-hashes", "-r")
DONE = {
    ("make",),
    ("--no-deps", "torch==2.13.0"),
    (*BY_HASH, "six==1.16.0 --hash=sha256:aa"),
    (*BY_HASH, "sympy==1.14.0 --hash=sha256:bb"),
}


def silent(_message_id: str) -> None:
    """Nobody listens."""


def test_a_finished_environment_is_left_alone(project, steps):
    env = Environment(project)
    env.ensure(tests=False, say=silent)
    assert set(steps) == DONE
    env.ensure(tests=False, say=silent)
    assert len(steps) == 4


@pytest.mark.parametrize("name", ["requirements.txt", "uv.lock"])
def test_what_changed_is_installed_into_the_same_environment(project, steps, name):
    env = Environment(project)
    env.ensure(tests=False, say=silent)
    (project / name).write_text((project / name).read_text() + "# something else\n")
    assert not env.ready(tests=False)
    env.ensure(tests=False, say=silent)
    assert set(steps[4:]) == DONE - {("make",)}


def test_without_cuda_torch_comes_from_its_own_index(project, steps, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    Environment(project).ensure(tests=False, say=silent, cpu=True)
    assert ("--no-deps", "torch==2.13.0", "--index-url", environment.CPU_INDEX) in steps


def test_a_build_with_cuda_gets_the_libraries_that_it_asks_for(project, steps, monkeypatch):
    monkeypatch.setattr(Environment, "_asked_for_by", lambda self, package: {"sympy", "triton"})
    Environment(project).ensure(tests=False, say=silent)
    assert (*BY_HASH, "sympy==1.14.0 --hash=sha256:bb", "triton==3.7 --hash=sha256:cc") in steps


def test_what_an_installed_package_asks_for_is_read_where_it_lies():
    asked = Environment(ROOT)._asked_for_by("torch")
    assert {"sympy", "typing-extensions"} <= asked


def test_an_index_that_lacks_a_pinned_version_gives_the_newest_within_the_bounds(project, steps, monkeypatch):
    said, install = [], Installer.install

    def refuse(self, python, arguments, count=None):
        if "--require-hashes" in arguments:
            raise SetupFailed("no_package")
        install(self, python, arguments, count)

    monkeypatch.setattr(Installer, "install", refuse)
    Environment(project).ensure(tests=False, say=said.append)
    assert said[-1] == "unlocked"
    assert ("-r", str(project / "requirements.txt")) in steps
    assert ("--no-deps", environment.PACKAGE) in steps


def test_a_file_with_another_hash_is_no_reason_to_take_what_comes(project, steps, monkeypatch):
    def refuse(self, python, arguments, count=None):
        if "--require-hashes" in arguments:
            raise SetupFailed("wrong_hash")

    monkeypatch.setattr(Installer, "install", refuse)
    with pytest.raises(SetupFailed, match="wrong_hash"):
        Environment(project).ensure(tests=False, say=silent)
    assert not Environment(project).ready(tests=False)


def test_the_tests_environment_serves_the_dashboard_but_not_the_other_way_round(project, steps):
    env = Environment(project)
    env.ensure(tests=False, say=silent)
    assert not env.ready(tests=True)
    env.ensure(tests=True, say=silent)
    (env.folder / f"{environment.STAMP}-dashboard").unlink()
    assert env.ready(tests=True)
    assert env.ready(tests=False)


def test_a_set_up_that_was_interrupted_is_finished_the_next_time(project, steps, monkeypatch):
    env = Environment(project)

    def interrupt(self, python, arguments, count):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(Installer, "install", interrupt)
        with pytest.raises(KeyboardInterrupt):
            env.ensure(tests=False, say=silent)
    assert not env.ready(tests=False)
    env.ensure(tests=False, say=silent)
    assert env.ready(tests=False)


def test_a_half_made_environment_is_made_again(project, monkeypatch):
    env = Environment(project)
    env.python.parent.mkdir(parents=True)
    env.python.write_text("")  # an interpreter that does not run
    env.python.chmod(0o755)
    made = []
    monkeypatch.setattr(Installer, "make", lambda self, folder, pip: made.append(folder))
    monkeypatch.setattr(Installer, "install", lambda *_, **__: None)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: argparse.Namespace(returncode=1, stdout=""))
    with pytest.raises(SetupFailed):  # the folder is gone: nothing was really made
        env.ensure(tests=False, say=silent)
    assert made == [env.folder]
    assert not env.ready(tests=False)


def test_two_processes_set_up_one_after_the_other(tmp_path):
    code = f"""
import sys, time
from pathlib import Path
from dashboard.launch.environment import locked
root = Path({str(tmp_path)!r})
with locked(root / "lock", lambda: print("waiting", flush=True)):
    assert not (root / "busy").exists()
    (root / "busy").write_text("x"); time.sleep(0.5); (root / "busy").unlink()
print("done")
"""
    running = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    printed = [process.communicate(timeout=60)[0].split() for process in running]
    assert all(words[-1] == "done" for words in printed)
    assert sum("waiting" in words for words in printed) >= 1


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    code = f"""
import time
from pathlib import Path
from dashboard.launch.environment import locked
with locked(Path({str(tmp_path / "lock")!r}), print):
    print("held", flush=True)
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == "held"
    process.kill()
    process.wait()
    with locked(tmp_path / "lock", lambda: time.sleep(0.1)):
        assert (tmp_path / "lock").exists()


@pytest.mark.parametrize(
    ("line", "message_id"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk_full"),
        ("[Errno -3] Temporary failure in name resolution", "no_network"),
        ("[Errno 111] Connection refused", "no_network"),
        ("SSLCertVerificationError: certificate verify failed", "no_certificate"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no_package"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "wrong_hash"),
        ("error: Hash mismatch for `six==1.16.0`", "wrong_hash"),
        ("Error: ensurepip is not available", "no_venv"),
        ("PermissionError: [Errno 13] Permission denied", "read_only"),
        ("something else", "pip_failed"),
    ],
)
def test_a_failure_is_recognised_by_what_the_installer_printed(line, message_id):
    assert why(["Collecting x", line], "pip_failed") == message_id


def test_a_full_disk_is_explained(project, monkeypatch):
    monkeypatch.setattr(Environment, "_make", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(SetupFailed) as failure:
        Environment(project).ensure(tests=False, say=silent)
    assert failure.value.message_id == "disk_full"


@pytest.mark.skipif(os.name == "nt", reason="runs the interpreter of a POSIX environment")
def test_without_a_network_one_is_told_so(project, monkeypatch):
    """A real environment and a real installer whose index is a closed port of this machine."""
    venv.create(project / ".venv", with_pip=True)
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(SetupFailed) as failure:
        Environment(project).ensure(tests=False, say=silent)
    assert failure.value.message_id in {"no_network", "no_package"}
    assert not Environment(project).ready(tests=False)


def test_a_taken_port_is_refused_when_asked_for_and_passed_over_when_not():
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert commands.pick_port("localhost", port) is None
    assert commands.pick_port("localhost", port) == port


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no port after its server ended")
def test_a_port_whose_server_just_ended_is_free():
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Streamlit's
        server.bind(("localhost", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("localhost", port)):
            server.accept()[0].close()  # the end that closes first keeps the port for a minute
    assert commands.pick_port("localhost", port) == port


def test_a_taken_default_port_gives_the_next(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        monkeypatch.setattr(commands, "PORT", taken.getsockname()[1])
        picked = commands.pick_port("localhost", None)
        assert picked is not None
        assert picked > taken.getsockname()[1]


def test_a_port_that_does_not_exist_is_refused():
    assert commands.pick_port("localhost", 99999) is None


def started(*arguments: str, **extra: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "dashboard", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | extra, check=False)


def test_help_names_every_option():
    printed = started("--help").stdout
    for option in (
        "--port",
        "--host",
        "--model",
        "--language",
        "--headless",
        "--demo",
        "test",
        "benchmark",
        "pictures",
    ):
        assert option in printed


def test_an_unknown_benchmark_names_those_there_are():
    done = started("benchmark", "nothing", "--language", "es")
    assert done.returncode == 2
    assert "attention" in done.stdout
    assert "No existe" in done.stdout


def test_an_old_python_is_told_what_it_needs(monkeypatch, tmp_path):
    """The entry must be readable by it too: no syntax newer than Python 3.8."""
    import ast

    source = (ROOT / "dashboard" / "__main__.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 8))
    ast.parse((ROOT / "dashboard" / "__init__.py").read_text(encoding="utf-8"), feature_version=(3, 8))
    monkeypatch.setattr(sys, "version_info", (3, 8, 1))
    with pytest.raises(SystemExit) as error:
        exec(compile(source, "__main__.py", "exec"), {"__name__": "__main__"})
    assert "3.11" in str(error.value)
    assert "3.8" in str(error.value)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"version_info": (3, 15, 0)}, "3.15"),
        ({"maxsize": 2**31 - 1}, "64-bit"),
        ({"platform": "darwin", "machine": "x86_64"}, "Apple"),
    ],
)
def test_where_torch_does_not_run_one_is_told_before_anything_is_downloaded(monkeypatch, facts, said):
    source = (ROOT / "dashboard" / "__main__.py").read_text(encoding="utf-8")
    machine = facts.pop("machine", "")
    monkeypatch.setattr("platform.machine", lambda: machine)
    for name, value in facts.items():
        monkeypatch.setattr(sys, name, value)
    with pytest.raises(SystemExit, match=said):
        exec(compile(source, "__main__.py", "exec"), {"__name__": "__main__"})


def test_what_stands_after_test_goes_to_pytest(monkeypatch):
    seen = []
    monkeypatch.setattr(developer, "test", lambda arguments, text: seen.append(list(arguments)) or 0)
    commands.main(["test", "-m", "not browser", "--port"])
    assert seen == [["-m", "not browser", "--port"]]


def test_options_reach_what_is_started():
    given = preparation.surroundings(argparse.Namespace(model="gpt2", language="es"))
    assert (given["LOGITSCOPE_MODEL"], given["LOGITSCOPE_LANGUAGE"]) == ("gpt2", "es")
    assert given["PYTHONPATH"].split(os.pathsep)[0] == str(ROOT)


def test_settings_that_cannot_be_read_are_told_before_anything_starts():
    done = started("--headless", "--language", "en", LOGITSCOPE_MAX_MODELS="0")
    assert done.returncode == 1
    assert "max_models" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.fixture
def begun(monkeypatch, tmp_path):
    """What the start hands to the server's process, which is not begun."""
    monkeypatch.setenv("LOGITSCOPE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(commands, "ready_environment", lambda text, tests, cpu: sys.executable)
    monkeypatch.setattr(commands, "ready_model", lambda *_: None)
    monkeypatch.setattr(commands, "healthy", lambda url: True)
    begun = {}

    class Server:
        def __init__(self, command, **options):
            begun.update(options)

        __enter__ = lambda self: self  # noqa: E731
        __exit__ = lambda *_: None  # noqa: E731
        poll = terminate = wait = lambda *_: 0

    monkeypatch.setattr(subprocess, "Popen", Server)
    monkeypatch.setattr(commands.signal, "signal", lambda *_: None)
    return begun


def test_misspelt_settings_are_named_at_the_start(monkeypatch, begun, capsys):
    monkeypatch.setenv("LOGITSCOPE_MODLES", "gpt2")
    assert commands.main(["--headless", "--language", "en"]) == 0
    printed = capsys.readouterr().out
    assert "LOGITSCOPE_MODLES (LOGITSCOPE_MODELS?)" in printed
    assert "stdout" not in begun  # nothing that the server says is thrown away


@pytest.mark.parametrize(
    ("host", "models", "seen"),
    [
        ("localhost", None, True),
        ("::1", None, True),
        ("0.0.0.0", None, False),
        ("0.0.0.0", "gpt2,cache/*", True),
        ("192.168.0.7", "gpt2", False),
    ],
)
def test_the_models_of_the_cache_are_offered_to_others_only_when_asked(monkeypatch, begun, capsys, host, models, seen):
    monkeypatch.setattr(commands, "pick_port", lambda host, port: 8501)
    monkeypatch.delenv("LOGITSCOPE_MODELS", raising=False)
    if models:
        monkeypatch.setenv("LOGITSCOPE_MODELS", models)
    assert commands.main(["--headless", "--language", "en", "--host", host]) == 0
    offered = Settings.load(begun["env"]).models
    assert (CACHED in offered) is seen
    assert set(offered) >= (set(models.split(",")) if models else set(Settings().models) - {CACHED})
    assert ("not offered" in capsys.readouterr().out) is (host == "0.0.0.0" and not models)


@pytest.mark.parametrize(("arguments", "opened"), [((), ""), (("--demo",), commands.tour("en"))])
def test_the_browser_opens_on_the_tour_when_asked(monkeypatch, arguments, opened):
    urls = []
    monkeypatch.setattr(commands, "healthy", lambda url: True)
    monkeypatch.setattr(commands.webbrowser, "open", urls.append)
    options = commands._parser().parse_args([*arguments, "--language", "en"])
    server = argparse.Namespace(poll=lambda: None, wait=lambda: 0)
    assert commands._serve(server, options, 8501, Catalogue("en")) == 0
    assert urls == ["http://localhost:8501" + opened]
    assert "lang" not in commands.tour(None)


def prepared(monkeypatch, code, lines):
    """`_ready_model` whose process prints `lines` and ends with `code`."""
    command = [sys.executable, "-c", f"import sys\nfor line in {lines!r}: print(line)\nsys.exit({code})"]
    popen = subprocess.Popen
    monkeypatch.setattr(preparation.subprocess, "Popen", lambda _, **options: popen(command, **options))
    preparation.ready_model(sys.executable, None, Catalogue("en"))


def test_a_model_that_is_there_is_not_mentioned(monkeypatch, capsys):
    prepared(monkeypatch, 0, ["bundled b179: /cache/bundled"])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("before", [[], ["UserWarning: a library has something to say"]])
def test_the_conversion_of_the_model_is_a_step_of_the_start(monkeypatch, capsys, before):
    prepared(monkeypatch, 0, [*before, "bundled: 10%", "bundled: 100%", "bundled b179: /cache/bundled"])
    assert capsys.readouterr().out == Catalogue("en")("launcher.converting") + "\n"


def test_a_model_that_cannot_be_prepared_is_told_with_what_its_process_printed(monkeypatch):
    with pytest.raises(SetupFailed) as failure:
        prepared(monkeypatch, 1, ["bundled: 10%", "no room"])
    assert failure.value.facts["detail"].endswith("no room")


def test_bars_of_libraries_do_not_run_through_the_start(monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    assert preparation.surroundings()["TQDM_DISABLE"] == "1"


def test_the_packages_are_counted_as_they_come():
    counts, lines = [], ["Collecting a", "  Downloading a", "Collecting b", "Installing collected packages: a, b"]
    run([sys.executable, "-c", f"for line in {lines!r}: print(line)"], "pip_failed", counts.append)
    assert counts == [1, 2]


@pytest.fixture
def pytest_runs(monkeypatch):
    """What pytest is called with instead of running; the codes that it ends with are taken from a list."""
    calls, codes = [], []

    def run(command, **_options):
        if "pytest" in command:
            calls.append(command[command.index("pytest") + 1 :])
            return argparse.Namespace(returncode=codes.pop(0))
        return argparse.Namespace(returncode=0)

    monkeypatch.setattr(developer, "ready_model", lambda *_: None)
    monkeypatch.setattr(developer.subprocess, "run", run)
    monkeypatch.setattr(Environment, "ensure", lambda self, *, tests, cpu, say, count: None)
    return calls, codes


def test_all_tests_run_side_by_side_and_those_with_a_browser_at_most_two_at_a_time(pytest_runs, monkeypatch):
    calls, codes = pytest_runs
    codes += [0, 0]
    monkeypatch.setattr(developer.os, "cpu_count", lambda: 16)
    assert commands.main(["test"]) == 0
    assert [call[:2] for call in calls] == [["-m", "not browser"], ["-m", "browser"]]
    assert [call[call.index("-n") + 1] for call in calls] == ["4", "2"]


@pytest.mark.parametrize("ends", [[1, 0], [0, 1]])
def test_a_failure_in_either_half_is_the_end_code(pytest_runs, ends):
    pytest_runs[1].extend(ends)
    assert commands.main(["test"]) == 1


def test_arguments_go_to_one_run_of_pytest(pytest_runs):
    calls, codes = pytest_runs
    codes.append(5)
    assert commands.main(["test", "-k", "lens", "-x"]) == 5
    assert calls == [["-k", "lens", "-x"]]


def test_the_pictures_are_taken_by_the_tests_own_script(pytest_runs, monkeypatch):
    seen = []
    monkeypatch.setattr(
        developer.subprocess, "run", lambda command, **_: seen.append(command[1:]) or argparse.Namespace(returncode=3)
    )
    assert commands.main(["pictures"]) == 3
    assert seen == [["-m", "tests.pictures"]]


def test_a_run_of_pytest_that_was_killed_is_no_success(pytest_runs):
    pytest_runs[1].extend([-9, 0])
    assert commands.main(["test"]) == -9


TRIED = """
import pathlib
import pytest

@pytest.mark.browser
@pytest.mark.parametrize("number", range({count}))
def test_page(number):
    seen = pathlib.Path(f"{{number}}")
    first = not seen.exists()
    seen.touch()
    assert {passes}
"""


@pytest.mark.parametrize(
    ("count", "passes", "code", "said"),
    [
        (2, "number or not first", 0, "PASSED ONLY THE SECOND TIME:\ntest_page.py::test_page[0]\n"),
        (2, "number", 1, "are run once more, alone:\ntest_page.py::test_page[0]\n"),
        (6, "not first", 1, ""),
        (2, "True", 0, ""),
    ],
)
def test_a_few_browser_tests_that_failed_are_run_once_more(monkeypatch, tmp_path, capsys, count, passes, code, said):
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = browser\n")
    (tmp_path / "test_page.py").write_text(TRIED.format(count=count, passes=passes))
    monkeypatch.setattr(developer, "ROOT", tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "xdist.plugin")
    assert developer._browser_tests(Path(sys.executable), Catalogue("en")) == code
    out = capsys.readouterr().out
    assert out.endswith(said) if said else not out
