"""The lock: what `uv.lock` pins for one Python on one machine, with the hashes that the installer compares.

Standard library only. The file is written by ``uv lock``; uv itself is not needed to install from it.
"""

from __future__ import annotations

import ast
import os
import platform
import re
import sys
import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

Package = Mapping[str, Any]
"""One ``[[package]]`` of the file."""


def this_machine() -> dict[str, str]:
    """What the markers of a lock ask about, for the Python that runs this."""
    return {
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
        "platform_machine": platform.machine(),
        "platform_system": platform.system(),
        "platform_python_implementation": platform.python_implementation(),
        "implementation_name": sys.implementation.name,
        "os_name": os.name,
    }


class Lock:
    """The packages of a lock that one machine needs."""

    def __init__(self, path: Path, machine: Mapping[str, str] | None = None) -> None:
        """Read the file at `path` for `machine` (nothing: this one).

        Raises:
            OSError: it cannot be read.
            ValueError: it is no TOML.
        """
        self._machine = this_machine() if machine is None else machine
        self._packages: dict[str, list[Package]] = {}
        for package in tomllib.loads(path.read_text(encoding="utf-8"))["package"]:
            self._packages.setdefault(package["name"], []).append(package)

    def package(self, name: str) -> Package:
        """A package that is pinned once. Raises KeyError or ValueError where it is not."""
        (package,) = self._packages[name]
        return package

    def packages(
        self, project: str, groups: Collection[str] = (), without: Mapping[str, Collection[str]] | None = None
    ) -> list[Package]:
        """What `project` needs here, it itself left out, in the order of names.

        Args:
            project: the name of the package that everything follows from.
            groups: its dependency groups that are needed too.
            without: dependencies that a package named here does not have on this machine, by its name.
        """
        root = self.package(project)
        waiting = [*root.get("dependencies", ()), *(entry for g in groups for entry in root["dev-dependencies"][g])]
        needed: dict[str, Package] = {}
        seen: set[tuple[str, str]] = set()
        while waiting:
            entry = waiting.pop()
            if not holds(entry.get("marker", ""), self._machine):
                continue
            package = self._package(entry)
            needed[entry["name"]] = package
            for extra in ("", *entry.get("extra", ())):
                if (entry["name"], extra) in seen:
                    continue
                seen.add((entry["name"], extra))
                follow = package.get("optional-dependencies", {})[extra] if extra else package.get("dependencies", ())
                absent = (without or {}).get(entry["name"], ())
                waiting.extend(other for other in follow if other["name"] not in absent)
        return [needed[name] for name in sorted(needed)]

    def dependencies(self, name: str) -> set[str]:
        """Names of what a package that is pinned once asks for on this machine."""
        needed = self.package(name)["dependencies"]
        return {entry["name"] for entry in needed if holds(entry.get("marker", ""), self._machine)}

    def _package(self, entry: Mapping[str, Any]) -> Package:
        """The package that a dependency means: the only one of its name, or that of the version that it states."""
        there = self._packages[entry["name"]]
        return there[0] if len(there) == 1 else next(one for one in there if one["version"] == entry["version"])


def requirement(package: Package) -> str:
    """A line of a requirements file: the package, its version, and the SHA-256 of each of its files."""
    files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else [])]
    return " ".join([f"{package['name']}=={package['version']}", *(f"--hash={file['hash']}" for file in files)])


def requirements(packages: Iterable[Package]) -> str:
    """A requirements file that ``pip install --require-hashes`` reads."""
    return "".join(requirement(package) + "\n" for package in packages)


# -- markers --------------------------------------------------------------------------------------------------------
def holds(marker: str, machine: Mapping[str, str]) -> bool:
    """Whether a marker (PEP 508) holds; an empty one always does.

    Raises:
        KeyError: it asks for something that `machine` does not say.
        ValueError: it is no marker.
    """
    # markers are comparisons of names and strings, joined by and/or: expressions of Python
    return not marker or _holds(ast.parse(marker, mode="eval").body, machine)


def _holds(node: ast.expr, machine: Mapping[str, str]) -> bool:
    if isinstance(node, ast.BoolOp):
        parts = (_holds(part, machine) for part in node.values)
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        raise ValueError(ast.unparse(node))
    names = [part.id for part in (node.left, *node.comparators) if isinstance(part, ast.Name)]
    read = _numbers if any("version" in name for name in names) else str
    left, right = (read(_value(part, machine)) for part in (node.left, node.comparators[0]))
    return bool(_COMPARISONS[type(node.ops[0])](left, right))


def _value(node: ast.expr, machine: Mapping[str, str]) -> str:
    if isinstance(node, ast.Name):
        return machine[node.id]
    if isinstance(node, ast.Constant):
        return str(node.value)
    raise ValueError(ast.unparse(node))


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version, zeros at its end left out: 3.14 is 3.14.0."""
    found = re.match(r"[0-9.]*", version)
    numbers = [int(number) for number in (found[0] if found else "").split(".") if number]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


_COMPARISONS: dict[type[ast.cmpop], Any] = {
    ast.Eq: lambda left, right: left == right,
    ast.NotEq: lambda left, right: left != right,
    ast.Lt: lambda left, right: left < right,
    ast.LtE: lambda left, right: left <= right,
    ast.Gt: lambda left, right: left > right,
    ast.GtE: lambda left, right: left >= right,
}
