"""Files of the data folder that are damaged, left over, or put back: real processes."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.hostile.damage import noise
from tests.scenarios.process import Folder

COPIED = re.compile(r"Copied \S+ to (\S+) \(")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.configure()
    return made


def document(folder: Folder, name: str, text: str) -> str:
    path = folder.path / name
    path.write_text(text)
    return str(path)


async def test_vectors_that_are_damaged_end_no_command(folder: Folder) -> None:
    await folder.run("docs", "add", document(folder, "a.md", "# A\n\nThe valve is blue.\n"))
    database = folder.path / "data" / "chroma" / "chroma.sqlite3"
    noise(database, 0.02, 0.12)
    searched = (await folder.run("docs", "search", "valve")).no_trace()
    assert "The valve is blue." in searched.out
    assert "knowledge.vector_search_failed" in searched.said
    looked = (await folder.run("doctor")).no_trace()
    assert re.search(r"vectors +no +.*`parlance docs verify`", looked.out)
    rebuilt = (await folder.run("docs", "rebuild")).no_trace()
    assert (rebuilt.out, rebuilt.status) == ("1 changed.\n", 0)
    noise(database, 0.02, 0.12)
    verified = (await folder.run("docs", "verify", "--json")).no_trace()
    assert (verified.json["vectors_added"], verified.json["index_replaced"]) == (1, 1)


async def test_a_folder_that_cannot_be_written_to_is_said(folder: Folder) -> None:
    await folder.run("docs", "add", document(folder, "a.md", "# A\n\nThe valve is blue.\n"))
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
    chroma = str(folder.path / "data" / "chroma")

    async def run(*command: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *("unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", chroma, *command),
            cwd=Path(__file__).parents[2],
            env=folder.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    if not shutil.which("unshare") or (await run("true"))[0] != 0:
        pytest.skip("a folder that even root cannot write to needs Linux and its user namespaces")
    python = (sys.executable, "-m", "bot", "docs")
    for words in (("search", "valve"), ("add", document(folder, "b.md", "# B\n\nC"))):
        status, out, err = await run(*python, *words)
        assert "Traceback" not in err
        assert err.count("\n") <= 1
        if words[0] == "search":
            assert (status, "The valve is blue." in out) == (0, True)
        else:
            assert (status, out) == (1, "")
            assert "cannot be written to; check its owner and mode" in err


async def test_a_backup_is_put_back_and_answers(folder: Folder) -> None:
    data = folder.path / "data"
    await folder.run("docs", "add", document(folder, "a.md", "# A\n\nThe valve is blue.\n"))
    made = (await folder.run("backup", str(folder.path))).no_trace()
    copy = COPIED.findall(made.out)[0]
    await folder.run("docs", "remove", "A")

    back = (await folder.run("restore", copy)).no_trace()
    assert "1 documents; 1 vectors were made again." in back.out
    (kept,) = (data / "backups").iterdir()
    assert str(kept) in back.out
    asked = (await folder.run("run", stdin=b"/ask what is the valve?\n")).no_trace()
    assert "The valve is blue." in asked.out
    assert asked.err == ""

    noise(data / "parlance.db")  # what is there now is no database at all
    assert "0 documents" in (await folder.run("restore", str(kept))).no_trace().out
    damaged = max((data / "backups").iterdir(), key=lambda path: path.name)
    assert not damaged.read_bytes().startswith(b"SQLite")


async def test_a_backup_is_not_put_back_under_a_running_bot(folder: Folder) -> None:
    async with folder.started("run") as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(b"hello\n")
        await running.stdout.readline()
        ended = (await folder.run("restore", str(folder.path / "copy.db"))).no_trace()
    assert f"is in use by process {running.pid}" in ended.said
    assert ended.status == 1


async def test_a_backup_that_was_killed_leaves_nothing_for_long(folder: Folder) -> None:
    await folder.run("run", stdin=b"hello\n")
    database, backups = folder.path / "data" / "parlance.db", folder.path / "data" / "backups"
    backups.mkdir()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE much (text)")
        connection.executemany("INSERT INTO much VALUES (zeroblob(1000000))", [()] * 60)
    while not list(backups.glob("*.part")):
        async with folder.started("backup", str(backups)) as process:
            while process.returncode is None and not list(backups.glob("*.part")):
                await asyncio.sleep(0)
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
            await process.wait()
    assert (await folder.run("backup", str(backups))).no_trace().status == 0
    assert [path.name for path in backups.iterdir() if ".part" in path.name] == []
