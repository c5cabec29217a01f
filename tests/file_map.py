"""The file map of docs/architecture.md, made of the files' own docstrings; ``python -m tests.file_map`` writes it."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- file map -->", "<!-- /file map -->"
FLOORS = ("pages", "components", "dashboard")
NOTE = """\
Beside these: `dashboard/locale/` (the message catalogue), `dashboard/scripts/templates/` (parts of the Code tab's
scripts), `dashboard/probes/occupations.toml` (occupations with labour statistics, their source and year), `.js` and
`.css` files beside the components of `components/web/` (plain, no build step), `dashboard/.streamlit/` (look and
privacy), `docs/deploy/` (containers), `tests/` (the same tree; `browser/`, `benchmarks/`)."""


def file_map() -> str:
    """One table a folder with code, one row a file: its name and the first sentence of its docstring."""
    folders = [path for floor in FLOORS for path in (ROOT / floor, *sorted((ROOT / floor).rglob("*/")))]
    tables = [table for folder in folders if (table := _table(folder))]
    return "\n\n".join([BEGIN, *tables, NOTE]) + f"\n{END}"


def _table(folder: Path) -> str:
    files = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    if not files:
        return ""
    rows = [f"| `{path.name}` | {first_sentence(path)} |" for path in files]
    return "\n".join(
        [f"`{folder.relative_to(ROOT).as_posix()}/`", "", "| file | what it holds |", "| --- | --- |", *rows]
    )


def first_sentence(path: Path) -> str:
    """What a module's docstring says first, as Markdown."""
    text = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n\n")[0].replace("\n", " ")
    sentence, more, _ = text.partition(". ")
    return f"{sentence}{more.strip()}".replace("``", "`").replace("|", "\\|")


def written() -> str:
    """The map as docs/architecture.md has it."""
    text = ARCHITECTURE.read_text(encoding="utf-8")
    return text[text.index(BEGIN) : text.index(END) + len(END)]


if __name__ == "__main__":
    ARCHITECTURE.write_text(ARCHITECTURE.read_text(encoding="utf-8").replace(written(), file_map()), encoding="utf-8")
