"""Backups that the running bot makes by itself, and what they are worth: one is restored."""

from __future__ import annotations

from pathlib import Path

from tests.scenarios.process import Folder, end_of, read_until
from tests.until import until


async def test_the_running_bot_makes_a_backup_and_the_newest_is_restored(tmp_path: Path) -> None:
    folder, kept = Folder(tmp_path), tmp_path / "elsewhere"
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "lamp.md").write_text("# Lamps\n\nThe lamp in the hall is green.", "utf-8")
    settings = {"every": "1d", "folder": "elsewhere"}
    folder.configure(backup=settings, knowledge={"sync": [{"path": "papers"}]})
    assert (await folder.run("run", stdin=b"my name is Ada\n")).no_trace().status == 0
    for copy in kept.iterdir():
        copy.unlink()  # of the first moment, when nothing had been said

    async with folder.started("run") as process:
        assert process.stdin is not None
        process.stdin.write(b"hello\n")
        await read_until(process, "You said: hello")
        await until(lambda: [*kept.glob("parlance-2*.db")])
        process.stdin.close()
        (await end_of(process)).no_trace()

    (copy,) = kept.iterdir()
    (tmp_path / "data" / "parlance.db").write_bytes(b"damaged by a disk")
    for end in ("-wal", "-shm"):
        (tmp_path / "data" / f"parlance.db{end}").unlink(missing_ok=True)
    ended = (await folder.run("restore")).no_trace()
    assert ended.status == 0, ended.err
    assert ended.out.startswith("The newest backup is of 2")
    assert f"is now what {copy} holds." in ended.out
    assert "1 documents; 1 vectors were made again." in ended.out
    assert "my name is Ada" in [turn["text"] for turn in folder.turns()]
    answer = (await folder.run("run", stdin=b"/ask Which colour has the lamp?\n")).no_trace()
    assert "green" in answer.out


async def test_without_a_backup_restore_says_so(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.configure()
    ended = (await folder.run("restore")).no_trace()
    assert ended.said == f"There is no backup in {tmp_path}/data/backups; name a file."
    assert ended.status == 1
