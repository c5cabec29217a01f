"""Saved views as files: JSON, or a zip of it with hashes; whatever comes back is read as a stranger's."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from dashboard import __version__
from dashboard.parsing.strict_json import read_json
from dashboard.parsing.text_files import checked_size
from dashboard.parsing.unreadable import Unreadable
from dashboard.store.saved_view import SavedView, ViewContent

FORMAT, VERSION = "logitscope saved views", 1
VIEWS, MANIFEST = "views.json", "manifest.json"
MOST_FILE_BYTES = 50 << 20
"""Of a file that is brought; as much as Streamlit takes."""
MOST_VIEWS_BYTES = 100 << 20
"""Of ``views.json``, unpacked."""
MOST_MANIFEST_BYTES = 10_000
MOST_IMPORTED = 20_000
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""How a file in a zip may be packed; Python unpacks the others whole, however little of them is asked for."""
_TEXTS = ("title", "page", "query", "language", "note", "expected", "control")
_KNOWN = {field.name for field in fields(ViewContent)} | {"created", "author_name"}


# -- out --------------------------------------------------------------------------------------------------------------
def views_json(views: Sequence[SavedView]) -> bytes:
    """The views as JSON; who wrote them by name alone, and nothing of this server."""
    entries = [
        asdict(view.content) | {"created": view.created.isoformat(), "author_name": view.author_name} for view in views
    ]
    head = {"format": FORMAT, "version": VERSION, "logitscope": __version__}
    return json.dumps(head | {"views": entries}, ensure_ascii=False, indent=1).encode()


def views_zip(views: Sequence[SavedView]) -> bytes:
    """The same as a zip, with a manifest that has size and SHA-256 of what is in it."""
    data = views_json(views)
    described = {VIEWS: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}}
    manifest = {"format": FORMAT, "version": VERSION, "logitscope": __version__, "files": described}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
        archive.writestr(VIEWS, data)
    return buffer.getvalue()


# -- in ---------------------------------------------------------------------------------------------------------------
def read_views(data: bytes) -> list[tuple[ViewContent, datetime]]:
    """The views of a file that `views_json` or `views_zip` made, each with its date.

    Raises:
        FileTooLarge: it is too large, before anything of it is read.
        Unreadable: it is none of ours, was changed, or holds something that cannot be saved.
    """
    checked_size(len(data), MOST_FILE_BYTES)
    text = _unzipped(data) if data[:2] == b"PK" else data
    try:
        found = read_json(text.decode())
    except UnicodeDecodeError as error:
        raise Unreadable("saved.why.not_ours") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT or not isinstance(found.get("views"), list):
        raise Unreadable("saved.why.not_ours")
    if found.get("version") != VERSION:
        raise Unreadable("saved.why.version", version=str(found.get("version"))[:20], known=VERSION)
    if len(found["views"]) > MOST_IMPORTED:
        raise Unreadable("saved.why.many", count=len(found["views"]), limit=MOST_IMPORTED)
    views = []
    for number, entry in enumerate(found["views"], 1):
        try:
            views.append(_view(entry))
        except Unreadable as error:
            raise Unreadable("saved.why.entry", number=number, why=error.message) from error
    return views


def _unzipped(data: bytes) -> bytes:
    """``views.json`` of a zip: names, sizes and hashes are compared before any of it is believed."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sorted(info.filename for info in archive.infolist()) != sorted([VIEWS, MANIFEST]):
                raise Unreadable("saved.why.names", names=f"{MANIFEST}, {VIEWS}")
            manifest = read_json(_member(archive, MANIFEST, MOST_MANIFEST_BYTES).decode())
            views = _member(archive, VIEWS, MOST_VIEWS_BYTES)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError) as error:
        # encrypted, by a method that nobody uses, cut off, or with another checksum than it says
        raise Unreadable("saved.why.zip") from error
    described = {"bytes": len(views), "sha256": hashlib.sha256(views).hexdigest()}
    if not isinstance(manifest, dict) or manifest.get("files") != {VIEWS: described}:
        raise Unreadable("saved.why.hash")
    return views


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """One file of a zip, never more than `limit` bytes of it whatever the zip says."""
    info = archive.getinfo(name)
    if info.compress_type not in _METHODS:
        raise zipfile.BadZipFile(f"method {info.compress_type}")
    checked_size(info.file_size, limit)
    with archive.open(name) as file:
        data = file.read(limit + 1)
    checked_size(len(data), limit)
    return data


def _view(entry: Any) -> tuple[ViewContent, datetime]:
    if not isinstance(entry, dict) or not entry.keys() <= _KNOWN:
        raise Unreadable("saved.why.fields", fields=", ".join(sorted(_KNOWN)))
    texts = {name: entry.get(name, "") for name in _TEXTS}
    tags, shared = entry.get("tags", []), entry.get("shared", False)
    whole = isinstance(tags, list) and all(isinstance(text, str) for text in (*texts.values(), *tags))
    if not whole or not isinstance(shared, bool):
        raise Unreadable("saved.why.fields", fields=", ".join(sorted(_KNOWN)))
    content = ViewContent(**texts, tags=tuple(tags), shared=shared)
    content.check()
    return content, _date(entry.get("created"))


def _date(text: object) -> datetime:
    try:
        date = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        date = None
    if date is None or date.tzinfo is None or not 2000 <= date.year <= 2200:
        raise Unreadable("saved.why.date")
    return date.astimezone(UTC)
