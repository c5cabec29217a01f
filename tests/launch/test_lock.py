"""What the lock pins for each system, compared with packaging, and whether it fits what the project asks for."""

import itertools
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.tags import compatible_tags, cpython_tags, mac_platforms
from packaging.utils import canonicalize_name, parse_wheel_filename

from dashboard import __version__
from dashboard.engine.api.bundled_package import PACKAGE
from dashboard.launch.lock import Lock, holds, requirement, requirements, this_machine

ROOT = Path(__file__).parents[2]
FILE = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SYSTEMS = [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")]
PYTHONS = ["3.11.0", "3.12.7", "3.13.1", "3.14.0"]
MACHINES = [
    this_machine() | {"sys_platform": system, "platform_machine": kind, "python_full_version": python}
    for (system, kind), python in itertools.product(SYSTEMS, PYTHONS)
]


def markers(part):
    """Every marker of the file."""
    if isinstance(part, dict):
        yield from [part["marker"]] if "marker" in part else []
        part = list(part.values())
    for inner in part if isinstance(part, list) else ():
        yield from markers(inner)


@pytest.mark.parametrize("marker", sorted({*markers(FILE), *FILE["resolution-markers"]}))
def test_markers_hold_where_packaging_says_so(marker):
    for machine in MACHINES:
        assert holds(marker, machine) == Marker(marker).evaluate(machine), machine


@pytest.mark.parametrize(
    "marker",
    [
        "python_version >= '3.9'",
        "python_full_version == '3.14'",
        "(os_name == 'nt' or os_name == 'posix') and sys_platform != 'win32'",
        "'linux' == sys_platform",
    ],
)
def test_other_forms_of_markers_are_understood(marker):
    for machine in MACHINES:
        assert holds(marker, machine) == Marker(marker).evaluate(machine), machine


@pytest.mark.parametrize(
    "marker", ["sys_platform", "os.name == 'nt'", "platform_release == '6'", "sys_platform in 'a'"]
)
def test_what_is_no_known_marker_is_loud(marker):
    with pytest.raises((KeyError, ValueError)):
        holds(marker, this_machine())


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: "-".join(list(machine.values())[0:4:2]))
def test_all_that_is_needed_is_pinned_with_hashes(machine):
    """Nothing is missing that a needed package asks for, and every version is within the bounds that ask for it."""
    packages = {p["name"]: p for p in Lock(ROOT / "uv.lock", machine).packages("logitscope", ["model", "tests"])}
    asked = [
        Requirement(line) for line in [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["tests"]]
    ]
    for wanted in asked:
        assert wanted.specifier.contains(packages[canonicalize_name(wanted.name)]["version"]), wanted
    for package in packages.values():
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", requirement(package)), package["name"]
        for entry in package.get("dependencies", ()):
            assert entry["name"] in packages or not holds(entry.get("marker", ""), machine), (package["name"], entry)
    assert ("triton" in packages) == (machine["sys_platform"] == "linux")


def test_what_is_installed_here_asks_for_nothing_that_the_lock_lacks():
    """The metadata of the installed packages themselves, followed from the project's own requirements."""
    packages = {p["name"]: p for p in Lock(ROOT / "uv.lock").packages("logitscope", ["tests"])}
    for name in packages:
        try:
            installed = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # of another build of torch
            continue
        if installed.version.partition("+")[0] != packages[name]["version"]:
            continue
        for line in installed.requires or ():
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                pinned = packages[canonicalize_name(wanted.name)]["version"]
                assert wanted.specifier.contains(pinned, prereleases=True), (name, line)


def test_what_a_package_does_not_have_here_is_left_out():
    lock = Lock(ROOT / "uv.lock", MACHINES[0])
    everything = {p["name"] for p in lock.packages("logitscope")}
    apart = {p["name"] for p in lock.packages("logitscope", without={"torch": lock.dependencies("torch")})}
    assert {"sympy", "triton", "networkx"} <= everything - apart
    assert {"torch", "streamlit", "jinja2"} <= apart
    lines = requirements(lock.packages("logitscope")).splitlines()
    assert len(lines) == len(everything)


def lines_of(path):
    """Requirements of a file, without its comments."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / path).read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line]


def test_the_files_of_requirements_say_what_the_project_says():
    assert lines_of("requirements.txt") == PROJECT["project"]["dependencies"]
    assert lines_of("tests/requirements.txt") == PROJECT["dependency-groups"]["tests"]
    assert PROJECT["dependency-groups"]["model"] == [PACKAGE]


def test_the_lock_is_that_of_the_project():
    """As `uv lock --check` would say, in so far as it can be seen without uv."""
    (own,) = (package for package in FILE["package"] if package["name"] == "logitscope")
    for group, wanted in [("", PROJECT["project"]["dependencies"]), *PROJECT["dependency-groups"].items()]:
        noted = own["metadata"]["requires-dev"][group] if group else own["metadata"]["requires-dist"]
        assert {entry["name"]: entry["specifier"] for entry in noted} == {
            canonicalize_name(Requirement(line).name): line[len(Requirement(line).name) :] for line in wanted
        }
    assert FILE["requires-python"].replace(" ", "") == PROJECT["project"]["requires-python"]
    assert {package["source"].get("registry", "https://pypi.org/simple") for package in FILE["package"]} == {
        "https://pypi.org/simple"
    }


def test_the_version_is_one():
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "dashboard/__init__.py"
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {__version__}\n" in citation


# -- figures of the README ------------------------------------------------------------------------------------------
def platforms(system, kind):
    """The tags of files that a system takes, best first."""
    if system == "linux":
        newer = [f"manylinux_2_{minor}_{kind}" for minor in range(39, 4, -1)]
        return [*newer, *(f"manylinux{old}_{kind}" for old in ("2014", "2010", "1"))]
    return list(mac_platforms((14, 0), kind)) if system == "darwin" else ["win_amd64"]


def download(system, kind):
    """Bytes of the files that Python 3.13 takes there, by package."""
    tags = [*cpython_tags((3, 13), platforms=platforms(system, kind))]
    tags += compatible_tags((3, 13), "cp313", platforms(system, kind))
    machine = this_machine() | {"sys_platform": system, "platform_machine": kind, "python_full_version": "3.13.1"}
    sizes = {}
    for package in Lock(ROOT / "uv.lock", machine).packages("logitscope", ["model"]):
        ranked = [
            (min(tags.index(tag) for tag in fitting), wheel["size"])
            for wheel in package["wheels"]
            if (fitting := parse_wheel_filename(wheel["url"].rpartition("/")[2])[3].intersection(tags))
        ]
        sizes[package["name"]] = min(ranked)[1]
    return sizes


CPU_TORCH = 192e6
"""Bytes of torch 2.13.0+cpu for x86-64, which is on an index of its own."""


@pytest.mark.parametrize(
    ("row", "system", "kind"),
    [
        ("Linux, x86-64, with `--cpu` (torch without CUDA)", "linux", "x86_64"),
        ("Linux, x86-64", "linux", "x86_64"),
        ("Linux, ARM", "linux", "aarch64"),
        ("macOS, Apple processor", "darwin", "arm64"),
        ("Windows, x86-64", "win32", "AMD64"),
    ],
)
def test_the_readme_says_how_much_is_downloaded(row, system, kind):
    sizes = download(system, kind)
    if "--cpu" in row:
        cuda = [name for name in sizes if name.startswith(("nvidia", "cuda", "triton"))]
        sizes = {name: size for name, size in sizes.items() if name not in cuda} | {"torch": CPU_TORCH}
    said = re.search(rf"^\| {re.escape(row)} \| ([\d,]+) MB \|", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert float(said[1].replace(",", "")) == pytest.approx(sum(sizes.values()) / 1e6, rel=0.03)
