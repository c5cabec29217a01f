"""The house: which room may import which, held as data; no circle, no arrow upwards, no crowded folder."""

import ast
import sys
from collections import defaultdict
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ("dashboard", "components", "pages")
FILES = sorted(p for folder in FLOORS for p in (ROOT / folder).rglob("*.py"))
ROOTS = {"dashboard", "dashboard.engine", "components.charts", "pages"}
"""Folders whose own files are rooms by themselves; every other folder is one room."""

# (what is imported, who may import it)
ALLOWED = {
    "streamlit": [
        *("dashboard/app.py", "dashboard/asgi.py", "dashboard/cache.py", "dashboard/launch/server.py"),
        *("components/*", "pages/*.py"),
    ],
    "torch": ["dashboard/engine/*.py"],
    "transformers": ["dashboard/engine/*.py"],
    "safetensors": ["dashboard/engine/*.py"],
    "huggingface_hub": ["dashboard/engine/*.py"],
    "plotly": [
        *("components/charts/*.py", "components/shell/panel.py", "components/shell/export/*.py"),
        *("components/attention/token_bars.py", "dashboard/export.py"),
    ],
    "pyarrow": ["dashboard/jobs/*.py", "dashboard/export.py"],
    "sqlalchemy": ["dashboard/store/*.py"],
    "alembic": ["dashboard/store/*.py"],
    "psycopg": [],
    "kaleido": ["dashboard/pictures/browser.py"],
    "dashboard.app": [],
    "dashboard.engine.local": ["dashboard/cache.py", "dashboard/launch/server.py", "dashboard/engine/*.py"],
    "pages": [],
    "components": ["components/*", "pages/*.py", "dashboard/app.py"],
    "components.shell": ["components/*", "pages/*.py", "dashboard/app.py"],
    "starlette": ["dashboard/asgi.py", "dashboard/engine/remote/gate.py"],
    "uvicorn": ["dashboard/engine/remote/gate_command.py"],
    "ray": ["dashboard/engine/cluster/*.py"],
    "pickle": [],
}
# what a room may not import although the table above would let it
FORBIDDEN = {
    "components/charts/*.py": ["dashboard.cache", "components.shell", "components.web"],
    "components/web/*.py": ["dashboard.engine", "components.shell", "components.charts"],
    "dashboard/engine/*.py": ["dashboard.frames", "dashboard.cache", "pandas"],
    "dashboard/engine/api/*.py": ["torch", "transformers"],
    "dashboard/frames/*.py": ["dashboard.cache"],
    "dashboard/probes/*.py": ["dashboard.frames", "dashboard.cache", "dashboard.settings"],
    "dashboard/jobs/*.py": ["dashboard.frames", "dashboard.probes", "dashboard.stats", "dashboard.cache"],
    "dashboard/stats/*.py": ["dashboard.cache", "pandas"],
}
SHARED_ROOMS = {"shell", "charts", "web", "jobs"}
"""Rooms of components that the rooms of features may import; features never import each other."""
ENGINE_OUTSIDE = {
    "dashboard/cache.py": {"local", "models.registry", "remote.http"},
    "dashboard/launch/server.py": {"local"},
}
"""Files outside the engine that know more of it than ``engine.api``."""
STANDARD_LIBRARY_ONLY = [
    "dashboard/__init__.py",
    "dashboard/__main__.py",
    "dashboard/i18n.py",
    "dashboard/settings.py",
    "dashboard/errors/__init__.py",
    *(
        f"dashboard/errors/{name}.py"
        for name in ("base", "engine", "job", "model", "picture", "probe", "request", "store")
    ),
    *(f"dashboard/launch/{name}.py" for name in ("commands", "developer", "installer", "lock", "preparation")),
    "dashboard/launch/settings_command.py",
    "dashboard/launch/display.py",
    "dashboard/launch/environment.py",
    "dashboard/process/collection.py",
    "dashboard/process/memory.py",
    "dashboard/process/threads.py",
    "dashboard/parsing/strict_json.py",
    "dashboard/parsing/unreadable.py",
    "dashboard/engine/__init__.py",
    "dashboard/engine/api/__init__.py",
    "dashboard/engine/api/bundled_package.py",
]
WITHOUT_TORCH_AT_IMPORT = [
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "dashboard" / "engine" / "api").glob("*.py")),
    "dashboard/engine/models/bundled.py",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "dashboard" / "engine" / "hub").glob("*.py")),
    "dashboard/engine/model_files/inventory.py",
    "dashboard/engine/model_files/model_checks.py",
    "dashboard/engine/models/failures.py",
    "dashboard/engine/model_files/model_folder.py",
    "dashboard/engine/models/registry.py",
    "dashboard/engine/models/pool.py",
    "dashboard/engine/device/devices.py",
]
WITHOUT_DATABASE_AT_IMPORT = ["dashboard/store/saved_view.py", "dashboard/store/transfer.py"]
"""What pages import of the store: they stand before its libraries are loaded."""
MOST_FILES = 12
MOST_LINES = 300
MOST_FUNCTION_LINES = 60


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    return name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


MODULES = {module_of(path): path for path in FILES}


@cache
def imported(path: Path, *, top_only: bool = False) -> set[str]:
    """Modules that a file imports; with `top_only` those that importing the file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_only else ast.walk(tree)
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def room_of(module: str) -> str:
    folder = module.rpartition(".")[0]
    return module if folder in ROOTS else folder


def arrows() -> dict[str, set[str]]:
    """room -> rooms that it imports."""
    graph = defaultdict(set)
    for module, path in MODULES.items():
        if path.name != "__init__.py":
            for other in imported(path):
                if other in MODULES and MODULES[other].name != "__init__.py" and room_of(other) != room_of(module):
                    graph[room_of(module)].add(room_of(other))
    return dict(graph)


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    """Rooms that `start` needs, directly or through others."""
    seen, waiting = set(), [start]
    while waiting:
        for other in graph.get(waiting.pop(), ()):
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen


def reachable_modules(start: str) -> set[str]:
    """Modules that `start` imports when it is imported, directly or through others, and itself."""
    graph = {module: imported(path, top_only=True) & MODULES.keys() for module, path in MODULES.items()}
    return {start} | reachable(graph, start)


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


def test_no_room_needs_itself_through_others():
    graph = arrows()
    assert len(graph) > 30
    circles = sorted(room for room in graph if room in reachable(graph, room))
    assert not circles, f"circle among {circles}"


def test_features_do_not_import_each_other():
    features = {path.name for path in (ROOT / "components").iterdir() if path.is_dir()} - SHARED_ROOMS - {"__pycache__"}
    assert {"attention", "bias", "sampling"} <= features
    for feature in features:
        for path in (ROOT / "components" / feature).glob("*.py"):
            others = {module.split(".")[1] for module in imported(path) if module.startswith("components.")}
            assert others <= SHARED_ROOMS | {feature}, f"{name_of(path)} imports {others - SHARED_ROOMS - {feature}}"


@pytest.mark.parametrize("room", sorted(SHARED_ROOMS))
def test_shared_rooms_import_no_feature(room):
    for path in (ROOT / "components" / room).rglob("*.py"):
        others = {module.split(".")[1] for module in imported(path) if module.startswith("components.")}
        assert others <= SHARED_ROOMS, f"{name_of(path)} imports {others - SHARED_ROOMS}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_outside_the_engine_knows_more_than_its_types(path):
    if fnmatch(name_of(path), "dashboard/engine/*"):
        return
    more = ENGINE_OUTSIDE.get(name_of(path), set())
    for module in imported(path) & MODULES.keys():
        part = module.removeprefix("dashboard.engine.")
        if within(module, "dashboard.engine") and MODULES[module].name != "__init__.py":
            assert within(part, "api") or part in more, (
                f"{name_of(path)} imports {module}; of the engine it may know dashboard.engine.api alone"
            )


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES}), ids=name_of)
def test_no_folder_is_crowded(folder):
    files = [path for path in folder.iterdir() if path.suffix in {".py", ".js", ".css"} and path.name != "__init__.py"]
    assert len(files) <= MOST_FILES, f"{name_of(folder)} holds {len(files)} files of code: split it by subject"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_and_functions_are_short(path):
    source = path.read_text(encoding="utf-8")
    lines = len(source.splitlines())
    assert lines <= MOST_LINES, f"{name_of(path)} has {lines} lines: split it by subject"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            length = node.end_lineno - node.lineno + 1
            assert length <= MOST_FUNCTION_LINES, f"{name_of(path)}: {node.name} has {length} lines"


def test_public_signatures_name_the_thing_itself():
    vague = {"found", "one", "made", "place", "own", "told", "kept", "shown"}
    wrong = [
        f"{name_of(path)}: {node.name}({argument.arg})"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        if argument.arg in vague
    ]
    assert not wrong, wrong


def test_an_engine_has_few_methods():
    tree = ast.parse((ROOT / "dashboard" / "engine" / "api" / "engine.py").read_text(encoding="utf-8"))
    engine = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Engine")
    names = [node.name for node in engine.body if isinstance(node, ast.FunctionDef)]
    assert "answer" in names
    assert len(names) <= 6, names


@pytest.mark.parametrize("name", STANDARD_LIBRARY_ONLY)
def test_what_runs_before_anything_is_installed_needs_the_standard_library_alone(name):
    ours = {module_of(ROOT / other) for other in STANDARD_LIBRARY_ONLY if not other.endswith("__init__.py")}
    for module in imported(ROOT / name):
        own = any(within(module, other) for other in ours) or (
            module in MODULES and name_of(MODULES[module]).endswith("__init__.py")
        )
        # a name, no module, of a package that is listed
        package = MODULES.get(module.rpartition(".")[0])
        own = own or (module not in MODULES and package is not None and name_of(package) in STANDARD_LIBRARY_ONLY)
        assert own or module.partition(".")[0] in sys.stdlib_module_names, f"{name} imports {module}"


@pytest.mark.parametrize("name", WITHOUT_TORCH_AT_IMPORT)
def test_start_up_does_not_wait_for_torch(name):
    heavy = {m for m in imported(ROOT / name, top_only=True) if m.partition(".")[0] in {"torch", "transformers"}}
    assert not heavy, f"{name} imports {heavy} when it is imported; import it inside the function that needs it"


@pytest.mark.parametrize("name", WITHOUT_DATABASE_AT_IMPORT)
def test_start_up_does_not_wait_for_the_database(name):
    room = reachable_modules(module_of(ROOT / name))
    heavy = {m for each in room for m in imported(MODULES[each]) if m.partition(".")[0] in {"sqlalchemy", "alembic"}}
    assert not heavy, f"{name} leads to {heavy}"


def test_no_module_is_a_drawer_for_everything():
    names = {path.stem for path in FILES} | {path.parent.name for path in FILES}
    assert not names & {"utils", "helpers", "common", "misc"}


def test_nothing_of_the_dashboard_bears_a_name_of_the_standard_library():
    """`streamlit run` puts that folder first on the path."""
    entries = list((ROOT / "dashboard").iterdir())
    names = {path.stem for path in entries if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert not (names - {"__init__", "__main__"}) & sys.stdlib_module_names


def test_pages_are_short():
    for path in (ROOT / "pages").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 110, (
            f"{name_of(path)}: move what it does to panels"
        )


ONE_PLACE = {
    "st.page_link(": {"components/shell/page_links.py", "components/shell/page/page_style.py"},
    '/ "pages"': {"dashboard/navigation.py"},
    "ls-badge": {"components/shell/panel.py"},
    "AT_ONCE_SECONDS": {"components/shell/waiting.py"},
}
"""What is written in these files alone."""


@pytest.mark.parametrize("written", ONE_PLACE)
def test_what_several_pages_need_is_written_once(written):
    found = {name_of(path) for path in FILES if written in path.read_text(encoding="utf-8")}
    assert found == ONE_PLACE[written]


def test_streamlit_is_cached_in_one_place():
    for path in FILES:
        if name_of(path) != "dashboard/cache.py":
            assert "st.cache_" not in path.read_text(encoding="utf-8"), (
                f"{name_of(path)} caches; dashboard/cache.py does"
            )
