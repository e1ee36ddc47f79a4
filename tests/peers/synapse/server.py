"""A Synapse of our own: the homeserver that most people run, started on the loopback interface."""

from __future__ import annotations

import hashlib
import hmac
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import yaml

from tests.until import PATIENCE_S

_SECRET = "the secret of the tests"
_PLENTY = {"per_second": 10_000, "burst_count": 10_000}
UNLIMITED: dict[str, Any] = {
    "rc_message": _PLENTY,
    "rc_registration": _PLENTY,
    "rc_login": {"address": _PLENTY, "account": _PLENTY, "failed_attempts": _PLENTY},
    "rc_admin_redaction": _PLENTY,
    "rc_joins": {"local": _PLENTY, "remote": _PLENTY},
    "rc_joins_per_room": _PLENTY,
    "rc_invites": {"per_room": _PLENTY, "per_user": _PLENTY, "per_issuer": _PLENTY},
    "rc_room_creation": _PLENTY,
    "rc_media_create": _PLENTY,
    "rc_reports": _PLENTY,
}
"""Limits that no test reaches."""


@dataclass(frozen=True)
class Login:
    """Somebody's access token, with the device that it belongs to."""

    user: str
    device: str
    token: str


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder in memory, where there is one: Synapse waits for the disk many times for a room."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


class Synapse:
    """A homeserver; `python` is that of its environment, `folder` keeps its files."""

    def __init__(self, python: Path, folder: Path, **config: Any) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.name = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.name}"
        self._python = python.absolute()
        self._folder = folder
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Synapse:
        """Start it, and wait until it answers."""
        config = self._folder / "homeserver.yaml"
        new = not config.exists()
        self._write(config)
        if new:
            assert self._begin("-c", str(config), "--generate-keys").wait() == 0
        self._process = self._begin("-c", str(config))
        until = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert time.monotonic() < until, "Synapse does not answer"
            time.sleep(0.05)
        return self

    def limit_as_usual(self) -> None:
        """Start it again with the limits that a Synapse has of itself; nothing counts to them that
        was before."""
        self.stop()
        self._config |= dict.fromkeys(UNLIMITED)
        self.start()

    def stop(self) -> None:
        """End it; `start` goes on with the same data."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    async def register(self, name: str) -> Login:
        """Make somebody an account, and log in."""
        path = "/_synapse/admin/v1/register"
        async with self._client() as http:
            nonce = (await http.get(path)).json()["nonce"]
            said = "\0".join((nonce, name, "password", "notadmin")).encode()
            mac = hmac.new(_SECRET.encode(), said, hashlib.sha1).hexdigest()
            asked = {"nonce": nonce, "username": name, "password": "password", "admin": False}
            made = await http.post(path, json={**asked, "mac": mac})
            found = made.raise_for_status().json()
        return Login(found["user_id"], found["device_id"], found["access_token"])

    async def call(self, login: Login, method: str, path: str, body: Any = None) -> Any:
        """A request of somebody to the client-server API."""
        headers = {"Authorization": f"Bearer {login.token}"}
        url = f"/_matrix/client/v3{path}"
        async with self._client() as http:
            answer = await http.request(method, url, json=body, headers=headers)
            return answer.raise_for_status().json()

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            trust_env=False, verify=False, base_url=self.url, timeout=PATIENCE_S
        )

    # --- the process ----------------------------------------------------------------------------

    def _write(self, config: Path) -> None:
        place = self._folder
        said = {
            "server_name": self.name,
            "listeners": [
                {
                    "port": self.port, "type": "http", "bind_addresses": ["127.0.0.1"],
                    "resources": [{"names": ["client"]}],
                }
            ],
            "database": {"name": "sqlite3", "args": {"database": str(place / "homeserver.db")}},
            "registration_shared_secret": _SECRET,
            "macaroon_secret_key": _SECRET,
            "form_secret": _SECRET,
            "bcrypt_rounds": 4,
            "signing_key_path": str(place / "signing.key"),
            "media_store_path": str(place / "media"),
            "log_config": str(place / "log.yaml"),
            "pid_file": str(place / "pid"),
            "report_stats": False,
            "trusted_key_servers": [],
            "presence": {"enabled": False},
            "url_preview_enabled": False,
            "max_upload_size": "5M",
            **UNLIMITED,
            **self._config,
        }  # fmt: skip
        given = {key: value for key, value in said.items() if value is not None}
        config.write_text(yaml.safe_dump(given), "utf-8")
        quiet = {"version": 1, "root": {"level": "ERROR"}, "disable_existing_loggers": False}
        (place / "log.yaml").write_text(yaml.safe_dump(quiet), "utf-8")

    def _begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [str(self._python), "-m", "synapse.app.homeserver", *arguments]
        nowhere = subprocess.DEVNULL
        return subprocess.Popen(command, cwd=self._folder, stdout=nowhere, stderr=nowhere)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "Synapse has ended"
        try:
            versions = f"{self.url}/_matrix/client/versions"
            return httpx.get(versions, trust_env=False, verify=False).is_success
        except httpx.TransportError:
            return False
