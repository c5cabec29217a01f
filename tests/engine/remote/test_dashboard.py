"""A whole dashboard that leaves its models to a gate: every page stands, and torch is not even installed there."""

import os
import socket
import subprocess
import sys

import pytest

from dashboard.navigation import PAGES
from tests.engine.remote.test_gate import KEY, ROOT, engine_at, started, wait_for
from tests.made.remote import MODEL

VISIT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "transformers", "accelerate"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
from streamlit.testing.v1 import AppTest

at = AppTest.from_file("dashboard/app.py", default_timeout=60)
at.query_params["prompt"] = "zebra lamp river zebra lamp"
at.run()
for page in sys.argv[1:]:
    at.switch_page(page)
    for _ in range(3):
        at.run()
    said = [one.value for kind in (at.error, at.warning, at.info) for one in kind]
    said += [one.proto.body for one in at.get("html")]
    wrong = [text for text in said if "program that computes the models" in text or "does not answer" in text]
    print(page, len(at.exception), len(wrong), wrong[:1], len(at.get("plotly_chart")))
assert "torch" not in sys.modules
"""


@pytest.fixture(scope="module")
def address(tiny_settings):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with started(tiny_settings, port):
        wait_for(engine_at(port))
        yield f"http://127.0.0.1:{port}"


def visit(tmp_path, address, *pages, **more):
    variables = {
        **{"LOGITSCOPE_ENGINE_URL": address, "LOGITSCOPE_ENGINE_KEY": KEY, "LOGITSCOPE_MODEL": MODEL},
        **{"LOGITSCOPE_MODELS": "", "LOGITSCOPE_CACHE_DIR": str(tmp_path), "LOGITSCOPE_LANGUAGE": "en"},
    }
    command = [sys.executable, "-c", VISIT, *pages]
    return subprocess.run(
        command,
        env=os.environ | variables | {"PYTHONPATH": str(ROOT)} | more,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_page_stands_without_torch(address, tmp_path):
    pages = [f"../pages/{entry.slug}.py" for entry in PAGES]
    visited = visit(tmp_path, address, *pages)
    assert visited.returncode == 0, visited.stderr[-3000:]
    found = [line.split() for line in visited.stdout.splitlines()]
    assert [line[1:3] for line in found] == [["0", "0"]] * len(pages)
    assert min(int(line[-1]) for line in found[:3]) >= 1  # overview, attention and next token have charts at once


@pytest.mark.parametrize("wrong", ["gate", "key"])
def test_a_page_says_what_is_wrong(address, tmp_path, wrong):
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    more = {"LOGITSCOPE_ENGINE_KEY": "f" * 32} if wrong == "key" else {}
    visited = visit(tmp_path, nobody if wrong == "gate" else address, "../pages/next_token.py", **more)
    assert visited.returncode == 0, visited.stderr[-3000:]
    assert int(visited.stdout.split()[1]) == 0 < int(visited.stdout.split()[2])
    assert ("does not answer" if wrong == "gate" else "does not accept the key") in visited.stdout
    assert "f" * 32 not in visited.stdout + visited.stderr
