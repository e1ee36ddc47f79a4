"""Ctrl-C and SIGTERM before anything is open, and what goes in and out at the ends of a pipe."""

from __future__ import annotations

import asyncio
import signal
import tomllib
from pathlib import Path

import pytest

from tests.scenarios.process import ROOT, Folder, end_of, sentences
from tests.until import until

MOMENTS = ("typer", "bot.app", "aiosqlite")
"""Modules after whose import the signal is sent: before the command, in it, and in its loop."""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.configure()
    made.env["PYTHONPROFILEIMPORTTIME"] = "1"  # each import is told on standard error
    return made


@pytest.mark.parametrize(
    ("number", "command", "moments"),
    [
        (signal.SIGINT, ("run",), MOMENTS),
        (signal.SIGTERM, ("run",), MOMENTS),
        (signal.SIGINT, ("docs", "verify"), (*MOMENTS, "chromadb")),
    ],
)
async def test_a_signal_in_the_first_second_leaves_no_trace(
    folder: Folder, number: signal.Signals, command: tuple[str, ...], moments: tuple[str, ...]
) -> None:
    ended = await asyncio.gather(*(cut_short(folder, number, command, m) for m in moments))
    assert dict(zip(moments, ended, strict=True)) == dict.fromkeys(moments, (128 + number, ""))


async def cut_short(
    folder: Folder, number: signal.Signals, command: tuple[str, ...], moment: str
) -> tuple[int, str]:
    """Send a signal once a module has been imported; the status, and what was said."""
    folder = Folder(folder.path / moment, folder.env)
    folder.path.mkdir()
    folder.configure()
    said = []
    async with folder.started(*command) as process:
        assert process.stderr is not None
        async for line in process.stderr:
            *about, name = line.decode().rsplit("|", 1)
            if not about:
                said.append(name)
            elif name.strip() == moment:
                process.send_signal(number)
        status = await process.wait()
    return status, "".join(said)


async def test_the_command_that_is_installed_is_the_same_entry() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["scripts"]["parlance"] == "bot.__main__:main"


async def test_ctrl_c_while_documents_are_read_closes_all_in_order(folder: Folder) -> None:
    folder.env.clear()
    (folder.path / "docs").mkdir()
    for n in range(400):
        (folder.path / "docs" / f"{n}.md").write_text(f"# T{n}\n\n" + f"w{n} " * 500)
    async with folder.started("docs", "add", str(folder.path / "docs")) as process:
        await asyncio.sleep(0)
        await until(lambda: (folder.path / "data" / "chroma" / "chroma.sqlite3").exists())
        process.send_signal(signal.SIGINT)
        ended = (await end_of(process)).no_trace()
    assert (ended.status, ended.err) == (130, "")
    assert (folder.path / "data" / "parlance.lock").read_text() == "{}"


@pytest.mark.parametrize(
    ("start", "encoding"),
    [(b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")],
)
async def test_a_byte_order_mark_is_no_part_of_the_first_line(
    folder: Folder, start: bytes, encoding: str
) -> None:
    folder.env.clear()
    typed = start + "/model list\r\nGrüße\r\n".encode(encoding)
    ended = (await folder.run("run", stdin=typed)).no_trace()
    models, answer = sentences(ended.out)[0], sentences(ended.out)[-1]
    assert "**default**" in models
    assert answer == "You said: Grüße"


async def test_what_the_output_cannot_show_is_replaced(folder: Folder) -> None:
    folder.env.clear()
    text = "# Water › 水\n\n## Part – one\n\nThe valve 阀 is blue, the tap grün.\n"
    (folder.path / "a.md").write_text(text, "utf-8")
    folder.env["PYTHONIOENCODING"] = "ascii"
    for call in ("add", str(folder.path / "a.md")), ("list",), ("search", "valve", "--json"):
        ended = (await folder.run("docs", *call)).no_trace()
        assert ended.status == 0, ended.err
    assert ended.json["passages"][0]["text"] == "The valve 阀 is blue, the tap grün."
    for encoding, shown in (("ascii", "gr?n"), ("latin-1", "gr\N{REPLACEMENT CHARACTER}n")):
        folder.env["PYTHONIOENCODING"] = encoding
        ended = (await folder.run("docs", "search", "valve")).no_trace()
        assert f"The valve ? is blue, the tap {shown}." in ended.out
