"""What the image is made of: what it needs, another user than root, a check that works."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
STAGES = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]


class Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Health)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def healthy(port: int) -> bool:
    found = re.search(r"HEALTHCHECK .*?CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found is not None
    program, *arguments = json.loads(found[1])
    assert program == "python"
    done = subprocess.run(
        [sys.executable, *arguments], env=os.environ | {"PARLANCE_HTTP__PORT": str(port)},
        check=False, capture_output=True,
    )  # fmt: skip
    return done.returncode == 0


def test_the_health_check_asks_the_port_that_is_opened(port: int) -> None:
    assert healthy(port)
    assert not healthy(1)
    assert "PARLANCE_HTTP__PORT=" in STAGES[-1]


def test_the_image_runs_as_nobody_and_has_no_compiler() -> None:
    build, image = STAGES
    assert build.split()[0] == image.split()[0], "the environment is copied between them"
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", image, re.MULTILINE)
    assert "g++" in build
    assert "g++" not in image
    assert re.findall(r"^COPY (.*)$", image, re.MULTILINE) == [
        "--from=build /opt/parlance /opt/parlance"
    ]
    assert build.count("--require-hashes") == 2


def test_what_is_sent_to_the_build_is_what_it_copies_and_no_secret() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in ignored
    sent = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        name.rstrip("/")
        for line in re.findall(r"^COPY (.*)$", STAGES[0], re.MULTILINE)
        for name in line.split()[:-1]
    }
    assert sent == copied
    assert all((ROOT / name).exists() for name in sent)
    assert not any(name.startswith(".") for name in sent)
    assert not re.search(r"TOKEN|SECRET|PASSWORD", DOCKERFILE)


def test_the_bot_of_compose_may_write_nowhere_but_in_its_volumes() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
    bot = services["parlance"]
    assert bot["read_only"] is True
    assert bot["cap_drop"] == ["ALL"]
    assert "ports" not in bot
    assert bot["volumes"] == [
        "./config.yaml:/parlance/config.yaml:ro", "data:/parlance/data", "models:/models",
    ]  # fmt: skip
    others = {name: service["profiles"] for name, service in services.items() if name != "parlance"}
    assert others == {"ollama": ["ollama"], "llama-server": ["llama-server"]}
