"""A hub on this machine for huggingface_hub's own client, and a Hugging Face cache as that client leaves it."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_operator"


def commit_of(text: str) -> str:
    """A commit for tests: forty hex digits that follow from `text`."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@dataclass
class Repository:
    """A model on the hub: its branches and tags, and the files of each commit."""

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Commit -> name -> content."""
    refs: dict[str, str] = field(default_factory=dict)
    gated: bool = False
    private: bool = False
    parameters: dict[str, int] | None = None
    """Numbers by dtype, as the hub counts those in safetensors."""

    def commit(self, files: dict[str, bytes], ref: str = "main") -> str:
        """A new commit on a branch; gives its hash."""
        sha = commit_of(f"{ref} {sorted(files)} {[hashlib.sha256(c).hexdigest() for c in files.values()]}")
        self.files[sha] = files
        self.refs[ref] = sha
        return sha


@dataclass
class Hub:
    """What the server says, and what it was asked."""

    address: str = ""
    models: dict[str, Repository] = field(default_factory=dict)
    datasets: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    refuse: int = 0
    """Status of every answer, where it is not 0."""
    cut_after: int = 0
    """Bytes after which a file's connection is closed; 0: never."""
    pause: float = 0.0
    """Seconds between two parts of a file."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of every request."""
    tokens: set[str] = field(default_factory=set)
    """Authorizations that came with requests."""
    sent: int = 0
    """Bytes of files."""

    def fetched(self) -> list[str]:
        """Names of the files that were downloaded."""
        return [
            path.split("/resolve/")[1].partition("/")[2]
            for method, path in self.asked
            if method == "GET" and "/resolve/" in path
        ]


def files_of(folder: Path) -> dict[str, bytes]:
    """Name -> content of a folder's files."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append((self.command, path))
        if token := self.headers.get("authorization"):
            self.hub.tokens.add(token)
        if self.hub.refuse:
            headers = {"ratelimit": '"api";r=0;t=55', "ratelimit-policy": '"fixed window";"api";q=500;w=300'}
            return self._send(self.hub.refuse, b"", headers if self.hub.refuse == 429 else {})
        if path.startswith("/api/datasets/"):
            there = path.removeprefix("/api/datasets/") in self.hub.datasets
            return self._json({"id": "x", "sha": commit_of("x")}) if there else self._refused(404, "RepoNotFound")
        if path.startswith("/api/models/"):
            return self._api(path.removeprefix("/api/models/"))
        return self._file(path.removeprefix("/"))

    def _api(self, rest: str) -> None:
        name, kind, revision = rest, "", "main"
        for word in ("/revision/", "/tree/"):
            if word in rest:
                name, _, revision = rest.partition(word)
                kind = word
        if name in self.hub.renamed:
            return self._send(307, b"", {"location": f"/api/models/{rest.replace(name, self.hub.renamed[name], 1)}"})
        repository = self._visible(name)
        if repository is None:
            return None
        sha = repository.refs.get(revision, revision)
        if sha not in repository.files:
            return self._refused(404, "RevisionNotFound")
        files = repository.files[sha]
        if kind == "/tree/":
            return self._json(
                [{"type": "file", "path": n, "size": len(c), "oid": commit_of(n)} for n, c in files.items()]
            )
        config = json.loads(files["config.json"]) if "config.json" in files else {}
        siblings = [{"rfilename": n, "size": len(c), "blobId": commit_of(n)} for n, c in files.items()]
        info = {"id": name, "sha": sha, "siblings": siblings, "config": config, "private": repository.private}
        counted = repository.parameters
        info |= {"safetensors": {"parameters": counted, "total": sum(counted.values())}} if counted else {}
        return self._json(info | {"gated": "manual" if repository.gated else False})

    def _file(self, rest: str) -> None:
        name, _, place = rest.partition("/resolve/")
        if name in self.hub.renamed:
            return self._send(307, b"", {"location": f"/{self.hub.renamed[name]}/resolve/{place}"})
        repository = self._visible(name)
        if repository is None:
            return None
        if repository.gated and not self.headers.get("authorization"):
            return self._refused(401, "GatedRepo")
        revision, _, file = place.partition("/")
        sha = repository.refs.get(revision, revision)
        content = repository.files.get(sha, {}).get(file)
        if content is None:
            return self._refused(404, "EntryNotFound")
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": sha}
        return self._content(content, headers)

    def _visible(self, name: str) -> Repository | None:
        """The repository; or the hub's answer, alike for what is private and for what there is not."""
        repository = self.hub.models.get(name)
        if repository is None or (repository.private and not self.headers.get("authorization")):
            self._refused(404 if self.headers.get("authorization") else 401, "RepoNotFound")
            return None
        return repository

    def _content(self, content: bytes, headers: dict[str, str]) -> None:
        start = int((self.headers.get("range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        for name, value in (headers | {"Content-Length": str(len(content) - start), "Accept-Ranges": "bytes"}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        step = 1 << 16
        for begin in range(start, len(content), step):
            if self.hub.cut_after and begin - start >= self.hub.cut_after:
                self.close_connection = True
                return
            try:
                self.wfile.write(content[begin : begin + step])
                self.wfile.flush()
            except OSError:
                return  # the client went away
            self.hub.sent += len(content[begin : begin + step])
            time.sleep(self.hub.pause)

    def _refused(self, status: int, code: str) -> None:
        self._send(status, b"", {"X-Error-Code": code, "X-Error-Message": code})

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def serve_hub() -> Iterator[Hub]:
    """A hub without models, served on a free port until the end."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def cache_model(
    cache: Path, name: str, files: dict[str, bytes], *, refs: tuple[str, ...] = ("main",), tree: tuple[str, ...] = ()
) -> str:
    """Put a commit into a Hugging Face cache as `hf download` does: blobs, links, references; gives its hash.

    Args:
        cache: the folder of the cache.
        name: of the model.
        files: name -> content.
        refs: branches and tags that mean the commit.
        tree: names of all files that the hub has of it; none: the cache does not know.
    """
    repository = cache / f"models--{name.replace('/', '--')}"
    commit = commit_of(f"{name} {sorted(files)} {[hashlib.sha256(c).hexdigest() for c in files.values()]}")
    snapshot = repository / "snapshots" / commit
    for folder in (snapshot, repository / "blobs", repository / "refs", repository / "trees"):
        folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        blob = repository / "blobs" / hashlib.sha256(content).hexdigest()
        blob.write_bytes(content)
        (snapshot / file).unlink(missing_ok=True)
        (snapshot / file).symlink_to(Path("..", "..", "blobs", blob.name))
    for ref in refs:
        (repository / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
        (repository / "refs" / ref).write_text(commit)
    if tree:
        listed = {file: {"size": 1, "blob_id": commit_of(file)} for file in tree}
        (repository / "trees" / f"{commit}.json").write_text(json.dumps({"format_version": 1, "files": listed}))
    return commit
