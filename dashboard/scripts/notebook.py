"""Jupyter notebooks of charts: their scripts in cells, the model loaded once, provenance in their metadata."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>#+\-.!|~$&^=:@]")
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
_AGAIN = "PROVENANCE"
"""What scripts differ in that do the same for two charts."""


@dataclass(frozen=True)
class ScriptedChart:
    """A chart as a notebook has it."""

    name: str
    """As in the catalogue; a notebook keeps numbers and figure by it in ``charts``."""
    title: str
    script: str
    """As `chart_script` writes it."""
    provenance: Mapping[str, object]


@dataclass(frozen=True)
class _Section:
    """Charts that one script makes."""

    charts: list[ScriptedChart]
    tree: ast.Module
    pieces: list[tuple[ast.stmt, str]]
    """Each statement with its text, comments above it included; without what runs a script alone."""

    @property
    def notes(self) -> list[str]:
        """The lines of the script's own docstring."""
        return (ast.get_docstring(self.tree) or "").splitlines()


@dataclass
class _Session:
    """What the cells so far have left in the kernel."""

    texts: dict[str, str] = field(default_factory=dict)
    """Name -> text of the function or literal that it stands for."""
    loaded: list[str] = field(default_factory=list)
    """Texts of all that the model was loaded with."""

    def holds(self, name: str, text: str) -> bool:
        """Whether `name` already stands for this; from now on it does."""
        held = self.texts.get(name) == text
        self.texts[name] = text
        return held

    def loads(self, pieces: Sequence[tuple[ast.stmt, str]]) -> bool:
        """Whether the model that a section loads is another than the one that there is; from now on it is that one."""
        reads = next(node for node, _ in pieces if isinstance(node, ast.FunctionDef) and node.name == "load")
        names = {"load", *(node.id for node in ast.walk(reads) if isinstance(node, ast.Name))}
        texts = [self.texts[name] for name in sorted(names & self.texts.keys())]
        before, self.loaded = self.loaded, texts
        return before != texts


def notebook_bytes(title: str, charts: Sequence[ScriptedChart]) -> bytes:
    """A notebook that makes `charts` again, one section each; equal charts give equal bytes.

    What a section has in common with those above it (model, functions, constants) is not repeated. Texts reach it in
    literals of Python, as their scripts have them, and in headings with every sign of Markdown escaped.
    """
    import nbformat
    from nbformat import v4

    sections = _sections(charts)
    cells = [v4.new_markdown_cell(_head(title, sections)), v4.new_code_cell(_imports(sections))]
    session = _Session()
    for section in sections:
        if len(charts) > 1:
            cells.append(v4.new_markdown_cell(_heading(section)))
        provenance = [dict(chart.provenance) for chart in section.charts]
        own = [v4.new_code_cell(cell) for cell in _cells(section, session)]
        own[-1]["metadata"]["logitscope"] = {"charts": provenance}
        cells += own
    for place, cell in enumerate(cells):
        cell["id"] = f"cell-{place}"  # nbformat's own are drawn at random
    facts = {"logitscope": {"title": title, "charts": [dict(chart.provenance) for chart in charts]}}
    book = v4.new_notebook(cells=cells, metadata={**_METADATA, **facts})
    nbformat.validate(book)
    return (str(nbformat.writes(book)) + "\n").encode("utf-8", "replace")


def escaped(text: str) -> str:
    """`text` on one line, so that Markdown shows it as it is."""
    return _MARKDOWN.sub(r"\\\g<0>", " ".join(text.split()))


def _sections(charts: Sequence[ScriptedChart]) -> list[_Section]:
    """Charts by their scripts, in the order in which each comes first."""
    found: dict[tuple[str, ...], _Section] = {}
    for chart in charts:
        tree = ast.parse(chart.script)
        pieces = list(_pieces(chart.script, tree))
        same = tuple(text for node, text in pieces if _literal_name(node) != _AGAIN)
        found.setdefault(same, _Section([], tree, pieces)).charts.append(chart)
    return list(found.values())


def _pieces(script: str, tree: ast.Module) -> Iterator[tuple[ast.stmt, str]]:
    """What stands between a script's own docstring and the lines that run it alone."""
    about, *body, _ = tree.body
    lines, end = script.splitlines(), about.end_lineno
    for node in body:
        yield node, "\n".join(lines[end : node.end_lineno]).strip("\n")
        end = node.end_lineno


def _head(title: str, sections: Sequence[_Section]) -> str:
    notes = [line for section in sections for line in section.notes]
    pip = dict.fromkeys(line.strip() for line in notes if line.startswith("    "))
    charts = "its charts" if len(sections) > 1 else "the chart"
    return "\n\n".join(
        [
            f"# {escaped(title)}",
            f"Makes {charts} of Logitscope again, with plain transformers and Plotly: run all cells.",
            "\n".join(["```", *pip, "pip install jupyterlab", "```"]),
            *([] if len(sections) > 1 else _notes(sections[0])),
        ]
    )


def _heading(section: _Section) -> str:
    titles = " · ".join(dict.fromkeys(escaped(chart.title) for chart in section.charts))
    return "\n\n".join([f"## {titles}", *_notes(section)])


def _notes(section: _Section) -> list[str]:
    """What the script says of itself behind the packages that it needs."""
    lines = section.notes
    last = max((place for place, line in enumerate(lines) if line.startswith("    ")), default=0)
    said = escaped(" ".join(lines[last + 1 :]))
    return [said] if said else []


def _imports(sections: Sequence[_Section]) -> str:
    """All imports in one cell, the standard library's first."""
    whole: dict[str, None] = {}
    of: dict[str, set[str]] = {}
    for node, text in (piece for section in sections for piece in section.pieces):
        if isinstance(node, ast.Import):
            whole[text.strip()] = None
        elif isinstance(node, ast.ImportFrom) and node.module:
            of.setdefault(node.module, set()).update(alias.name for alias in node.names)
    lines = sorted(whole) + [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(of.items())]
    standard = [line for line in lines if line.split()[1].split(".")[0] in sys.stdlib_module_names]
    others = [line for line in lines if line not in standard]
    return "\n".join([*standard, "", *others, "", "charts = {}  # name -> numbers and figure"]).strip()


def _cells(section: _Section, session: _Session) -> Iterator[str]:
    """Cells of a section: constants, each function, the model, and what makes numbers and figure."""
    constants: list[str] = []
    functions: list[str] = []
    runs: list[str] = []
    for node, text in section.pieces:
        if name := _literal_name(node):
            if not session.holds(name, text):
                (functions if functions else constants).append(text)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            # a class, or a default that is read when the function is made, is made again
            again = isinstance(node, ast.ClassDef) or _reads_when_made(node)
            if not session.holds(node.name, text) or again:
                functions.append(text)
        elif not isinstance(node, ast.Import | ast.ImportFrom):
            for name in _bound(node):
                session.texts.pop(name, None)
            runs.append(text)
    yield from filter(None, ["\n".join(constants)])
    yield from functions
    load, *rest = runs
    if session.loads(section.pieces):
        yield load
    yield "\n".join(rest)
    yield "numbers"
    yield f'charts[{section.charts[0].name!a}] = {{"numbers": numbers, "figure": figure}}\nfigure'


def _literal_name(node: ast.stmt) -> str:
    """The name of a constant that is made of nothing but literals; empty: it is none."""
    name = node.targets[0] if isinstance(node, ast.Assign) else None
    if not isinstance(node, ast.Assign) or not isinstance(name, ast.Name) or not name.id.isupper():
        return ""
    computed = any(isinstance(part, ast.Name | ast.Call) for part in ast.walk(node.value))
    return "" if computed else name.id


def _reads_when_made(node: ast.FunctionDef) -> bool:
    """Whether a function's defaults are values of names."""
    defaults = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
    return any(isinstance(part, ast.Name) for default in defaults for part in ast.walk(default))


def _bound(node: ast.stmt) -> Iterable[str]:
    """Names that a statement gives another value."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
