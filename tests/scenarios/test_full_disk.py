"""A disk that fills up while documents are read in: one sentence, and nothing is lost by it."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.scenarios.process import ROOT, Folder
from tests.until import PATIENCE_S

DOCUMENTS = 120
"""They take about 2.5 MB, with what Chroma and SQLite need for none at all."""
_SMALL_DISK = 'mount -t tmpfs -o size=2m parlance "$1/data"'
_WORK = """
"$2" -m bot docs add "$1/docs" >"$1/add.out" 2>"$1/add.err"; echo $?
mount -o remount,size=200m "$1/data"
"$2" -c "$3" >"$1/after.out" 2>"$1/after.err"; echo $?
"""
_AFTER = """
from bot.cli import app

for words in (["docs", "sync"], ["docs", "verify", "--json"]):  # in one process, to be quick
    app(words, standalone_mode=False)
"""


async def with_small_disk(folder: Folder, work: str) -> tuple[int | None, str]:
    """Run a script that alone sees a small disk at the folder's data directory; its status and
    what it wrote."""
    (folder.path / "data").mkdir(exist_ok=True)
    script = f"set -e\n{_SMALL_DISK}\nset +e\n{work}"
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--map-root-user", "--mount", "sh", "-c", script),
        *("sh", str(folder.path), sys.executable, _AFTER),
        cwd=ROOT,
        env=folder.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, out.decode()


@pytest.fixture
async def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    if not shutil.which("unshare") or (await with_small_disk(folder, "true"))[0] != 0:
        pytest.skip("a small disk of one's own needs Linux and its user namespaces")
    return folder


async def test_a_disk_that_is_full_is_said_in_a_sentence_and_harms_no_document(
    folder: Folder,
) -> None:
    folder.configure()
    (folder.path / "docs").mkdir()
    for n in range(DOCUMENTS):
        parts = "\n\n".join(f"## Part {part}\n\n" + f"w{n}x{part} " * 60 for part in range(4))
        (folder.path / "docs" / f"{n:03}.md").write_text(f"# Topic {n}\n\n{parts}\n")

    _, statuses = await with_small_disk(folder, _WORK)
    said = {path.name: path.read_text() for path in folder.path.glob("*.*")}
    assert statuses.split() == ["1", "0"], said

    (sentence,) = said["add.err"].strip().splitlines()
    assert "there is no space left on" in sentence.lower()
    assert sentence.endswith("make room and start again.")
    synced, _, verified = said["after.out"].partition("\n")
    counts = [state.split() for state in synced.rstrip(".").split(", ")]
    assert {state for _, state in counts} <= {"added", "unchanged"}
    assert sum(int(count) for count, _ in counts) == DOCUMENTS
    found = json.loads(verified)
    assert (found.pop("documents"), found.pop("passages")) == (DOCUMENTS, 4 * DOCUMENTS)
    assert not any(found.values()), found
