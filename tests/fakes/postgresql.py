"""A PostgreSQL server of its own for the tests, in a temporary folder, on a Unix socket alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from sqlalchemy import URL

from bot.storage.address import ServerAddress
from bot.storage.postgresql.schema import prepare_schema

_TEMPLATE = "with_tables"
_USER = "parlance"
_START_S = 60.0
FAST = "-c fsync=off -c synchronous_commit=off -c jit=off -c autovacuum=off -c max_connections=200"
"""Options of a server whose data may be lost when it fails."""


def find_programs() -> Path | None:
    """The folder of PostgreSQL's programs; None where it is not installed. Several versions may be
    there, of which it is the newest."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


@dataclass
class PostgresqlServer:
    """A running server; `start` and `stop` may be called again and again."""

    programs: Path
    folder: Path
    options: str = FAST
    port: int | None = None
    """Where it also listens on the loopback address; without one there is its socket alone."""
    _template_made: bool = field(default=False, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def socket(self) -> Path:
        """The folder of its socket."""
        return self.folder / "s"

    def make(self) -> None:
        """Create its files."""
        self.socket.mkdir(parents=True)
        if os.geteuid() == 0:  # it refuses to run as root
            shutil.chown(self.folder, "postgres", "postgres")
            shutil.chown(self.socket, "postgres", "postgres")
        self._run(
            "initdb", "-D", str(self.folder / "data"), "-A", "trust", "-U", _USER, "-E", "UTF8",
            "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip

    def start(self) -> None:
        """Start it, and wait until it answers."""
        listening = ["-c", "listen_addresses="]
        if self.port is not None:
            listening = ["-c", "listen_addresses=127.0.0.1", "-p", str(self.port)]
        options = ["-k", str(self.socket), *listening, *self.options.split()]
        log = (self.folder / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [*_as_owner(dies_with_us=True), str(self.programs / "postgres"),
                 "-D", str(self.folder / "data"), *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
            )  # fmt: skip
        until = time.monotonic() + _START_S
        while True:
            try:
                self.execute("SELECT 1")
                return
            except psycopg.OperationalError:
                if time.monotonic() > until or self._process.poll() is not None:
                    raise
                time.sleep(0.02)

    def stop(self, mode: str = "fast") -> None:
        """Stop it; `immediate` is as if its machine had failed."""
        with suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", mode, "stop")
        if self._process is not None:
            self._process.wait(_START_S)

    def execute(self, statement: str, database: str = "postgres") -> Sequence[Sequence[object]]:
        """Run a statement as its owner; returns the rows."""
        with psycopg.connect(
            host=str(self.socket), port=self.port, user=_USER, dbname=database, autocommit=True
        ) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def address(self, database: str) -> ServerAddress:
        """The address of a database, which may not exist yet."""
        query = {"host": str(self.socket)}
        return ServerAddress(
            URL.create("postgresql+psycopg", username=_USER, database=database, query=query)
        )

    def create_empty(self) -> ServerAddress:
        """A new database without tables."""
        name = f"t{uuid.uuid4().hex}"
        self.execute(f'CREATE DATABASE "{name}"')
        return self.address(name)

    def create(self) -> ServerAddress:
        """A new database with the present tables."""
        if not self._template_made:
            self.execute(f'CREATE DATABASE "{_TEMPLATE}"')
            prepare_schema(self.address(_TEMPLATE))
            self._template_made = True
        name = f"t{uuid.uuid4().hex}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_TEMPLATE}" STRATEGY FILE_COPY')
        return self.address(name)

    def drop(self, address: ServerAddress) -> None:
        """Remove a database, whoever is still connected to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{address.url.database}" WITH (FORCE)')

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*_as_owner(), str(self.programs / program), *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            timeout=60,
        )


def _as_owner(*, dies_with_us: bool = False) -> Sequence[str]:
    """What a program of the server is run by: as another user where this one is root, and so that
    it ends should this process be killed."""
    set_by = []
    if dies_with_us and shutil.which("setpriv"):
        set_by = ["--pdeathsig=QUIT"]
    if os.geteuid() == 0:
        set_by += ["--reuid=postgres", "--regid=postgres", "--clear-groups"]
    return ["setpriv", *set_by] if set_by else []


@contextmanager
def running_server(programs: Path, options: str = FAST) -> Iterator[PostgresqlServer]:
    """A server that ends with the block. Its folder has a short name, as sockets must have."""
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = PostgresqlServer(programs, Path(folder) / "d", options)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
