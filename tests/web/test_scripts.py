"""The components' files: all of them are joined, each names its neighbours, and their pure parts pass Node's tests."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.made.node import NODE

HERE = Path(__file__).parent
WEB = Path(__file__).parents[2] / "components" / "web"
ASSETS = sorted(path.relative_to(WEB).as_posix() for path in WEB.rglob("*") if path.suffix in {".js", ".css", ".html"})


def joins() -> list[tuple[str, ...]]:
    """The files of each call of `source` in the components."""
    calls = [
        node
        for path in WEB.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "source"
    ]
    return [tuple(ast.literal_eval(argument) for argument in call.args) for call in calls]


def first_comment(name: str) -> str:
    lines = (WEB / name).read_text(encoding="utf-8").splitlines()
    count = next((at for at, line in enumerate(lines) if not line.startswith("//")), len(lines))
    return " ".join(line.removeprefix("//").strip() for line in lines[:count])


def test_every_file_is_joined_and_every_joined_file_is_there():
    assert {name for join in joins() for name in join} == set(ASSETS)


@pytest.mark.parametrize("join", [join for join in joins() if join[0].endswith(".js")], ids=lambda join: join[-1])
def test_a_script_names_those_that_it_is_joined_with(join):
    *parts, main = join
    for part in parts:
        assert part.removeprefix(f"{Path(main).parent}/") in first_comment(main), f"{main} is joined with {part}"
        assert Path(main).name in first_comment(part), f"{part} is joined into {main}"


@pytest.mark.parametrize("name", [name for name in ASSETS if name.endswith(".js")])
def test_a_script_begins_with_what_it_is_joined_with(name):
    assert "Joined " in first_comment(name)


@pytest.mark.parametrize("path", sorted(HERE.glob("*.test.mjs")), ids=lambda path: path.name)
def test_pure_parts_pass_nodes_own_tests(path):
    """With the Node that Playwright brings along, so that no other is needed."""
    command = [NODE, "--test", "--test-reporter=tap", path]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^# pass [1-9]", done.stdout, re.MULTILINE), done.stdout
