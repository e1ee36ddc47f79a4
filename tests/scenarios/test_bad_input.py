"""Bad input: each gets one clear sentence and the right exit status, never a traceback."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes.pages import PageServer
from tests.scenarios.process import Folder, sentences

SECRET = "xoxb-" + "1234567890-abcdefghij"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.configure()
    return made


async def test_a_command_line_that_is_wrong(folder: Folder) -> None:
    command, option, value, subcommand = await asyncio.gather(
        folder.run("rnu"),
        folder.run("run", "--conversatoin", "x"),
        folder.run("docs", "search", "x", "--limit", "many"),
        folder.run("models", "pul"),
    )
    for ended, near in (
        (command, "run"),
        (option, "--conversation"),
        (value, "Invalid value for '--limit'"),
        (subcommand, "pull"),
    ):
        ended.no_trace()
        assert ended.status == 2
        assert near in ended.err.splitlines()[-1]
        assert "parlance" in ended.err
        assert ended.out == ""


async def test_a_configuration_that_is_wrong(folder: Folder) -> None:
    folder.write(
        f"limts: {{}}\nmodels: {{default: {{backend: scripted, contxt: 5}}}}\nembedder: default\n"
        f"fetch: {{timeout_s: soon}}\nslack: {{bot_token: {SECRET}}}\nchat: {{persona: {SECRET}}}\n"
    )
    wrong, absent = await asyncio.gather(
        folder.run("check"), folder.run("run", "--config", str(folder.path / "none.yaml"))
    )
    wrong.no_trace()
    assert wrong.status == 2
    assert SECRET not in wrong.err + wrong.out
    told = {line.split(": ", 2)[1]: line for line in wrong.err.splitlines()}
    assert "did you mean limits?" in told["limts"]
    assert "number" in told["fetch.timeout_s"]
    assert ".env" in told["slack.bot_token"]
    assert ".env" in told["chat.persona"]
    assert absent.no_trace().said.endswith("none.yaml: there is no such file.")
    assert absent.status == 2


async def test_a_model_that_is_configured_wrongly(folder: Folder) -> None:
    folder.configure(
        models={
            "default": {"backend": "scripted", "contxt": 5},
            "other": {"backend": "lama_cpp"},
        },
        embedder="default",
    )
    ended = (await folder.run("check")).no_trace()
    assert ended.status == 2
    assert "models.default.contxt" in ended.err
    assert "did you mean" in ended.err
    assert "lama_cpp" in ended.err


async def test_what_people_write_wrongly(folder: Folder) -> None:
    typed = [
        "/modle list",
        "/model use nope",
        "/chat hello model=nope",
        "/rap",
        "/rap nobody",
        "/rap A vs B rounds=99",
        "/rap A\x07 vs B",
        "/ask " + "x" * 4001,
        "y" * 4001,
        "/summarize docs/none.md",
        "/docs remove nothing",
        "hello",
    ]
    ended = await folder.run("run", stdin="\n".join(typed).encode())
    ended.no_trace()
    told = sentences(ended.out)
    for text, answer, expected in zip(
        typed,
        told,
        [
            "Did you mean /model?",
            "no model",
            "no model",
            "/rap",
            "vs",
            "rounds",
            "control character",
            "4,000",
            "4,000",
            "none.md",
            "no documents",
            "You said: hello",
        ],
        strict=True,
    ):
        assert expected.lower() in answer.lower(), (text[:40], answer)
        assert "\n" not in answer, (text[:40], answer)
    assert ended.err == ""
    assert ended.status == 1


async def test_pages_that_cannot_be_summarised(folder: Folder) -> None:
    async with PageServer() as web, PageServer() as inside:
        inside.page("/", "<p>secret</p>")
        folder.configure(
            fetch={
                "allow_hosts": [f"127.0.0.1:{web.port}"],
                "max_bytes": 5000,
                "timeout_s": 3.0,
            }
        )
        cases = {
            "ftp://example.com/page": "Only http and https",
            inside.url("/"): "ports 80 and 443 only",
            "http://10.0.0.7/": "private",
            web.redirect("/away", inside.url("/")): "ports 80 and 443 only",
            web.redirect("/further", "http://169.254.169.254/latest"): "belongs to this machine",
            web.page("/large", "<p>" + "word " * 5000): "larger than 5,000 bytes",
            web.endless("/slow", b"<p>", pause_s=0.1): "within 3 s",
            web.page("/picture", b"\x89PNG\r\n\x1a\n" + bytes(50), "image/png"): "type image/png",
            web.page("/empty", "<html><body><script>1</script></body></html>"): "no readable text",
            web.url("/none"): "404",
        }
        typed = "".join(f"/summarize {url}\n" for url in cases)
        ended = await folder.run("run", stdin=typed.encode())
        assert inside.seen == []
    ended.no_trace()
    told = sentences(ended.out)
    for (url, expected), answer in zip(cases.items(), told, strict=True):
        assert expected in answer, (url, answer)
        assert "\n" not in answer
    assert ended.status == 1


async def test_a_database_of_a_newer_version(folder: Folder) -> None:
    assert (await folder.run("run", stdin=b"hello\n")).status == 0
    with closing(sqlite3.connect(folder.path / "data" / "parlance.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
        database.commit()
    for ended in await asyncio.gather(folder.run("run", stdin=b"hello\n"), folder.run("check")):
        ended.no_trace()
        assert "was made by a newer version of Parlance" in ended.said
        assert ended.status == 1
    assert folder.turns()[0]["text"] == "hello"


async def test_two_processes_on_one_folder(folder: Folder) -> None:
    async with folder.started("run") as first:
        assert first.stdin is not None
        assert first.stdout is not None
        first.stdin.write(b"hello\n")
        assert await first.stdout.readline() == b"You said: hello\n"
        ended = (await folder.run("run", stdin=b"hello\n")).no_trace()
        assert f"is in use by process {first.pid} on " in ended.said
        assert ended.status == 1
        assert ended.out == ""
        first.stdin.write(b"still there?\n")
        await first.stdout.readline()
        assert await first.stdout.readline() == b"You said: still there?\n"


async def test_no_room_on_the_disk(folder: Folder) -> None:
    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    # Python would write the first part of a module's bytecode, and others would import that
    folder.env["PYTHONDONTWRITEBYTECODE"] = "1"
    async with PageServer() as web:
        url = web.page("/model.gguf", b"GGUF" + os.urandom(100_000), "application/octet-stream")
        store = folder.path / "models"
        folder.configure(
            models_dir=str(store),
            models={
                "default": {"backend": "scripted"},
                "big": {"backend": "llama_cpp", "source": f"url:{url}", "sha256": "0" * 64},
            },
            embedder="default",
        )
        pulled = (await folder.run("models", "pull", "big", before=no_room)).no_trace()
    assert pulled.status == 1
    assert "it filled up on the way. Free some" in pulled.err
    assert [f for f in store.rglob("*") if f.suffix == ".gguf"] == []
    folder.configure()
    ran = (await folder.run("run", stdin=b"hello\n", before=no_room)).no_trace()
    assert ran.status == 1
    assert "parlance.db" in ran.said
