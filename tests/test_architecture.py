"""The three floors: who may import what, held as data."""

import ast
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(p for folder in ("dashboard", "components", "pages") for p in (ROOT / folder).rglob("*.py"))

# (what is imported, who may import it)
ALLOWED = {
    "streamlit": ["dashboard/app.py", "dashboard/cache.py", "dashboard/server.py", "components/*", "pages/*.py"],
    "torch": ["dashboard/engine/*.py"],
    "transformers": ["dashboard/engine/*.py"],
    "safetensors": ["dashboard/engine/*.py"],
    "huggingface_hub": ["dashboard/engine/*.py"],
    "plotly": [
        "components/charts/*.py",
        "components/panels.py",
        "components/attention_panels.py",
        "dashboard/export.py",
    ],
    "pyarrow": ["dashboard/jobs/*.py"],
    "pages": [],
    "components": ["components/*", "pages/*.py", "dashboard/app.py"],
    "pickle": [],
}
# what a floor may not import although the table above would let it
FORBIDDEN = {
    "components/charts/*.py": [
        "dashboard.engine.local",
        "dashboard.engine.capture",
        "dashboard.cache",
        "components.panels",
    ],
    "dashboard/engine/*.py": ["dashboard.frames", "dashboard.cache", "pandas"],
    "dashboard/frames/*.py": ["dashboard.engine.local", "dashboard.cache"],
    "dashboard/probes/*.py": ["dashboard.engine", "dashboard.frames", "dashboard.cache", "dashboard.settings"],
    "dashboard/jobs/*.py": ["dashboard.frames", "dashboard.probes", "dashboard.stats", "dashboard.cache"],
    "dashboard/stats/*.py": ["dashboard.engine.local", "dashboard.cache", "pandas"],
}
STANDARD_LIBRARY_ONLY = [
    "dashboard/__main__.py",
    "dashboard/commands.py",
    "dashboard/environment.py",
    "dashboard/i18n.py",
    "dashboard/settings.py",
    "dashboard/errors.py",
    "dashboard/engine/__init__.py",
    "dashboard/collection.py",
    "dashboard/strict_json.py",
    "dashboard/threads.py",
]
WITHOUT_TORCH_AT_IMPORT = [
    "dashboard/engine/base.py",
    "dashboard/engine/bundled.py",
    "dashboard/engine/devices.py",
    "dashboard/engine/hub.py",
    "dashboard/engine/failures.py",
    "dashboard/engine/model_folder.py",
    "dashboard/engine/registry.py",
    "dashboard/engine/pool.py",
]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path, *, top_only: bool = False) -> set[str]:
    """Modules that a file imports; with `top_only` those that importing the file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_only else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_only_go_down(path):
    for module in imported(path):
        for package, places in ALLOWED.items():
            if within(module, package):
                assert any(fnmatch(name_of(path), place) for place in places), (
                    f"{name_of(path)} imports {module}; {package} may be imported by: {', '.join(places) or 'nobody'}"
                )
        for place, packages in FORBIDDEN.items():
            if fnmatch(name_of(path), place):
                wrong = [package for package in packages if within(module, package)]
                assert not wrong, f"{name_of(path)} imports {module}; files of {place} may not"


@pytest.mark.parametrize("name", STANDARD_LIBRARY_ONLY)
def test_what_runs_before_anything_is_installed_needs_the_standard_library_alone(name):
    names = ("commands", "environment", "i18n", "settings", "errors", "engine.package")
    ours = {f"dashboard.{part}" for part in names}
    for module in imported(ROOT / name):
        own = any(within(module, other) for other in ours)
        assert own or module.partition(".")[0] in sys.stdlib_module_names, f"{name} imports {module}"


@pytest.mark.parametrize("name", WITHOUT_TORCH_AT_IMPORT)
def test_start_up_does_not_wait_for_torch(name):
    heavy = {m for m in imported(ROOT / name, top_only=True) if m.partition(".")[0] in {"torch", "transformers"}}
    assert not heavy, f"{name} imports {heavy} when it is imported; import it inside the function that needs it"


@pytest.mark.parametrize("path", (ROOT / "dashboard" / "jobs").glob("*.py"), ids=name_of)
def test_jobs_know_the_words_of_the_engine_and_no_engine(path):
    for module in imported(path):
        if within(module, "dashboard.engine"):
            assert within(module, "dashboard.engine.base"), (
                f"{name_of(path)} imports {module}; of the engine, jobs may import dashboard.engine.base alone: "
                "the work is registered with the runner"
            )


def test_no_module_is_a_drawer_for_everything():
    names = {path.stem for path in FILES}
    assert not names & {"utils", "helpers", "common", "misc"}


def test_no_module_of_the_dashboard_bears_a_name_of_the_standard_library():
    """`streamlit run` puts that folder first on the path."""
    names = {path.stem for path in (ROOT / "dashboard").glob("*.py")} - {"__init__", "__main__"}
    assert not names & sys.stdlib_module_names


def test_pages_are_short():
    for path in (ROOT / "pages").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 110, (
            f"{name_of(path)}: move what it does to panels"
        )


def test_streamlit_is_cached_in_one_place():
    for path in FILES:
        if name_of(path) != "dashboard/cache.py":
            assert "st.cache_" not in path.read_text(encoding="utf-8"), (
                f"{name_of(path)} caches; dashboard/cache.py does"
            )
