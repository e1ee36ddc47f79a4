"""`parlance check`, `doctor`, `models`, `plugins` and `manifest`: what is there, for people and
for scripts."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from backends.files.catalog import CATALOG
from tests.fakes.file_server import FileServer, ServedFile
from tests.scenarios.process import Folder

CONTENT = bytes(range(256)) * 300


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.configure()
    return made


async def test_what_is_there_can_be_listed(folder: Folder) -> None:
    check, models, plugins, invite, tables, status = await asyncio.gather(
        folder.run("check", "--json"),
        folder.run("models", "list", "--json"),
        folder.run("plugins", "list", "--json"),
        folder.run("manifest", "discord"),
        folder.run("docs-tables"),
        folder.run("models", "status", "--json"),
    )
    for ended in (check, models, plugins, invite, tables, status):
        ended.no_trace()
        assert ended.status == 0, (ended.out, ended.err)
        assert ended.err == ""

    assert all(row["ok"] for row in check.json)
    assert {"configuration", "plugins", "migrations"} <= {row["what"] for row in check.json}
    assert not (folder.path / "data").exists()  # it starts nothing

    listed = {row["name"]: row for row in models.json}
    assert {"default", "embedder"} | {model.name for model in CATALOG} == set(listed)
    assert listed["default"]["from"] == "config.yaml"
    assert all(row["source"] and row["memory"] for row in models.json if row["from"] == "catalogue")

    assert {"chat", "summarize"} <= {row["name"] for row in plugins.json}
    assert all(row["ok"] for row in plugins.json)
    assert "/help" in next(row for row in plugins.json if row["name"] == "help")["commands"]

    assert "discord.com" in invite.out
    assert {row["model"] for row in status.json} == {"default", "embedder"}


async def test_models_are_fetched_verified_and_removed(folder: Folder) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    local = folder.path / "own.bin"
    local.write_bytes(CONTENT)
    async with FileServer() as server:
        server.files["/big.bin"] = ServedFile(CONTENT)
        server.fail.append(40_000)  # the first download breaks off
        folder.configure(
            models_dir=str(folder.path / "models"),
            models={
                "default": {"backend": "scripted"},
                "big": {
                    "backend": "llama_cpp",
                    "source": f"url:{server.url}/big.bin",
                    "sha256": digest,
                },
                "own": {"backend": "llama_cpp", "source": f"file:{local}", "sha256": digest},
            },
            embedder="default",
        )
        absent = (await folder.run("check", "--json")).no_trace()
        assert absent.status == 1
        assert "parlance models pull" in "".join(r["detail"] for r in absent.json if not r["ok"])

        pulled = (await folder.run("models", "pull")).no_trace()
        assert pulled.status == 0, pulled.err
        assert [line.split(":")[0] for line in pulled.out.splitlines()] == ["big", "own"]
        assert "bytes=" in server.gets[1].headers["range"]  # it went on where it broke off
        again = (await folder.run("models", "pull", "big")).no_trace()
        assert again.status == 0
        assert len(server.gets) == 2

    removed, unknown = await asyncio.gather(
        folder.run("models", "remove", "big"), folder.run("models", "pull", "bgi")
    )
    assert "removed" in removed.no_trace().out
    assert removed.status == 0
    assert "bgi" in unknown.no_trace().said
    assert unknown.status == 1
    assert local.read_bytes() == CONTENT


async def test_model_files_that_are_wrong(folder: Folder) -> None:
    (folder.path / "text.gguf").write_text("This is not a model.")
    (folder.path / "cut.gguf").write_bytes(b"GGUF\x03\x00\x00\x00" + b"\x01" * 4)
    (folder.path / "other.gguf").write_bytes(CONTENT)
    folder.configure(
        models={
            "default": {"backend": "scripted"},
            "text": {"backend": "llama_cpp", "source": f"file:{folder.path}/text.gguf"},
            "cut": {"backend": "llama_cpp", "source": f"file:{folder.path}/cut.gguf"},
        },
        embedder="default",
    )
    doctor = (await folder.run("doctor", "--json")).no_trace()
    told = {row["what"]: row["detail"] for row in doctor.json if not row["ok"]}
    assert set(told) == {"model text", "model cut"}
    assert "text.gguf is not a GGUF file." in told["model text"]
    assert "cut.gguf is truncated or damaged" in told["model cut"]
    assert doctor.status == 1

    folder.configure(
        models={
            "default": {"backend": "scripted"},
            "gone": {"backend": "llama_cpp", "source": f"file:{folder.path}/gone.gguf"},
            "other": {
                "backend": "llama_cpp",
                "source": f"file:{folder.path}/other.gguf",
                "sha256": "0" * 64,
            },
        },
        embedder="default",
    )
    check, run = await asyncio.gather(folder.run("check"), folder.run("run", stdin=b"hello\n"))
    assert check.no_trace().status == 1
    assert "gone.gguf" in check.out
    assert "other.gguf" in check.out
    assert run.no_trace().status == 1
    assert "gone.gguf" in run.err
