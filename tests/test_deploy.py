"""Files for containers: read here and compared with the project. No image is built: there is no Docker in the tests."""

import ast
import fnmatch
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from dashboard.launch import commands
from dashboard.settings import Settings, unknown

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "docs" / "deploy"
INSTRUCTIONS = {"ARG", "CMD", "COPY", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "RUN", "USER", "VOLUME", "WORKDIR"}
SPACE_COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


def dockerfile():
    """Its instructions: (name, arguments), with lines joined and comments left out."""
    lines = [line for line in (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def of(name):
    return [arguments for instruction, arguments in dockerfile() if instruction == name]


def test_the_instructions_are_those_of_a_dockerfile():
    names = [name for name, _ in dockerfile()]
    assert set(names) <= INSTRUCTIONS
    assert names[:2] == ["ARG", "FROM"]
    assert names.count("CMD") == names.count("FROM") == names.count("HEALTHCHECK") == 1


def test_the_base_is_a_python_that_the_project_runs_on():
    (default,) = [argument.partition("=")[2] for argument in of("ARG") if argument.startswith("PYTHON=")]
    assert of("FROM") == ["python:${PYTHON}-slim"]
    assert (3, 11) <= tuple(map(int, default.split("."))) < (3, 15)


def test_every_file_that_is_copied_is_there_and_reaches_the_builder():
    rules = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    assert rules[0] == "*"
    copied = [part for line in of("COPY") for part in line.split()[1:-1]]
    assert {"requirements.txt", "uv.lock", "dashboard", "components", "pages"} <= set(copied)
    for name in copied:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in rules, name
    assert not [rule for rule in rules[1:] if rule[0] != "!" and any(fnmatch.fnmatch(name, rule) for name in copied)]


@pytest.mark.skipif(shutil.which("sh") is None, reason="no shell reads the lines here")
def test_the_lines_that_are_run_are_shell():
    assert of("RUN")
    for line in of("RUN"):
        done = subprocess.run(["sh", "-n", "-c", line], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_what_is_run_of_the_project_is_what_it_understands():
    run = [re.split(r"[;&|]", part)[0] for line in of("RUN") for part in line.split("python -m dashboard ")[1:]]
    assert len(run) == 2
    for arguments in run:
        assert commands._parser().parse_args(shlex.split(arguments)).command == "setup"
    python, *command = json.loads(of("CMD")[0])
    assert [python, *command[:2]] == ["python", "-m", "dashboard"]
    options = commands._parser().parse_args(command[2:])
    assert (options.command, options.host, options.headless) == ("start", "0.0.0.0", True)
    assert of("EXPOSE") == [str(options.port)] == [str(commands.PORT)]


def test_the_health_check_asks_the_server():
    command = json.loads(of("HEALTHCHECK")[0].partition(" CMD ")[2])
    ast.parse(command[2])
    assert f":{commands.PORT}/_stcore/health" in command[2]


def test_the_server_is_not_root_and_its_folders_are_its_own():
    names = [name for name, _ in dockerfile()]
    assert of("USER") == ["1000"]
    assert names.index("USER") < names.index("COPY")
    folders = json.loads(of("VOLUME")[0])
    given = dict(part.partition("=")[::2] for part in of("ENV")[0].split())
    assert [given["LOGITSCOPE_CACHE_DIR"], given["LOGITSCOPE_DATA_DIR"]] == folders
    assert all(folder in of("RUN")[0] for folder in folders)
    assert unknown(given) == ()
    Settings.load(given)


def test_compose_builds_that_file_for_both_processors():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    arguments = {argument.partition("=")[0] for argument in of("ARG")}
    assert set(compose["services"]) == {"cpu", "cuda"}
    for name, service in compose["services"].items():
        build = service["build"]
        context = (DEPLOY / build["context"]).resolve()
        assert context == ROOT
        assert (context / build["dockerfile"]).samefile(DEPLOY / "Dockerfile")
        assert build["args"] == {"BUILD": name}
        assert set(build["args"]) <= arguments
        assert service["profiles"] == [name]
        assert service["ports"] == [f"127.0.0.1:{commands.PORT}:{commands.PORT}"]
        volumes = dict(volume.split(":") for volume in service["volumes"])
        assert volumes.keys() == compose["volumes"].keys()
        assert list(volumes.values()) == json.loads(of("VOLUME")[0])
        assert unknown(service["environment"]) == ()
        Settings.load(service["environment"])
    devices = compose["services"]["cuda"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices[0]["driver"] == "nvidia"
    assert "deploy" not in compose["services"]["cpu"]


def test_the_front_page_of_a_space_says_what_a_space_needs():
    text = (DEPLOY / "space" / "README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(text.split("---")[1])
    assert (head["sdk"], head["app_port"]) == ("docker", commands.PORT)
    assert {head["colorFrom"], head["colorTo"]} <= SPACE_COLOURS
    assert len(head["short_description"]) <= 60
    named = set(re.findall(r"`(LOGITSCOPE_\w+)`", text))
    assert named
    assert unknown(dict.fromkeys(named, "")) == ()
    copied = [part for line in of("COPY") for part in line.split()[1:-1]]
    assert all(f"`{name}`" in text for name in copied)


def test_the_citation_is_of_this_project():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"title", "message", "authors", "version", "date-released", "license"} <= citation.keys()
    assert citation["license"] == "Apache-2.0"
    newest = re.search(r"^## (\S+) \((\S+)\)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert (citation["version"], str(citation["date-released"])) == newest.groups()
