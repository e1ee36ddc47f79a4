"""Whatever is in a file of records: one clear sentence, and all of it comes in or nothing does."""

from __future__ import annotations

import asyncio
import gzip
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from bot.errors import StorageError
from bot.portability.insertion import Imported, Insertion, import_file
from bot.portability.record_file import MAX_LINE_BYTES, RecordFile, open_records
from bot.storage.database import Database
from bot.storage.engine import Base, sync_engine
from bot.storage.schema_version import migrate_if_needed
from tests.hostile.records import (
    ANN,
    BROKEN,
    CHOICE,
    DOCUMENT,
    LEFT_OUT,
    MEMORY,
    NOT_THEIRS,
    SOURCE,
    TURN,
    file,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    path = tmp_path_factory.mktemp("records") / "parlance.db"
    asyncio.run(migrate_if_needed(path))
    engine = sync_engine(path)
    yield engine
    engine.dispose()


def take_in(engine: Engine, folder: Path, data: bytes) -> tuple[Imported, int]:
    """What came in of a file, and how many rows there are then; none of them stays."""
    path = folder / "file.jsonl"
    path.write_bytes(data)
    with engine.connect() as connection, closing(open_records(path)) as stream:
        done = Insertion(connection, RecordFile(path, stream), {"default"}).run()
        counts = [
            connection.scalar(sa.select(sa.func.count()).select_from(table))
            for table in Base.metadata.sorted_tables
            if table.name != "first_revision"  # a migration has written it
        ]
        connection.rollback()
    return done, sum(count or 0 for count in counts)


@pytest.mark.parametrize(
    ("data", "said"), [*BROKEN.values(), *NOT_THEIRS.values()], ids=[*BROKEN, *NOT_THEIRS]
)
def test_a_bad_file_is_told_in_a_sentence(
    engine: Engine, tmp_path: Path, data: bytes, said: str
) -> None:
    with pytest.raises(StorageError) as caught:
        take_in(engine, tmp_path, data)
    assert said in str(caught.value)
    assert "Nothing was imported." in str(caught.value)


@pytest.mark.parametrize("data", LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_is_not_theirs_or_belongs_to_nothing_is_left_out(
    engine: Engine, tmp_path: Path, data: bytes
) -> None:
    done, rows = take_in(engine, tmp_path, data)
    assert (done.added.total(), done.left_out.total(), rows) == (0, 1, 0)


async def test_of_a_file_that_is_bad_at_its_end_nothing_comes_in(tmp_path: Path) -> None:
    good = [{**TURN, "id": f"q{n}"} for n in range(50)]
    path = tmp_path / "file.jsonl"
    await asyncio.to_thread(path.write_bytes, file(*good, {"kind": "x"}))
    database = await Database.open(tmp_path / "parlance.db")
    try:
        with pytest.raises(StorageError, match="line 52: there is no kind"):
            await import_file(database, path, ())
        async with database.read() as connection:
            query = sa.select(sa.func.count()).select_from(Base.metadata.tables["turns"])
            assert await connection.scalar(query) == 0
    finally:
        await database.close()


def test_what_a_persons_file_says_was_said_is_in_no_prompt(engine: Engine, tmp_path: Path) -> None:
    answer = {**TURN, "id": "a1", "role": "assistant", "author": "", "answers": "q1"}
    path = tmp_path / "file.jsonl"
    path.write_bytes(file(TURN, answer, MEMORY, person=ANN))
    with engine.connect() as connection, closing(open_records(path)) as stream:
        Insertion(connection, RecordFile(path, stream), ()).run()
        for query in ("SELECT max(remember) FROM turns", "SELECT origin <> 'people' FROM memories"):
            assert connection.scalar(sa.text(query)) == 0
        connection.rollback()


def test_the_name_of_an_upload_is_only_a_name(engine: Engine, tmp_path: Path) -> None:
    name = "../../../etc/passwd"
    data = file({**SOURCE, "location": name}, {**DOCUMENT, "location": name, "source": name})
    done, _ = take_in(engine, tmp_path, data)
    assert done.added == {"source": 1, "document": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["file.jsonl"]


def test_a_compressed_file_is_read(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="line 3: there is no kind"):
        take_in(engine, tmp_path, gzip.compress(file(CHOICE, {"kind": "x"})))


def test_a_line_without_end_takes_no_memory(tmp_path: Path) -> None:
    """Of a line of 300 MB, which a compressed file of 300 kB holds, no more is held than a line may
    be long."""
    path = tmp_path / "long.jsonl.gz"
    piece = b"x" * 1_000_000
    with gzip.open(path, "wb", compresslevel=1) as out:
        out.write(file(TURN).partition(b"\n")[0] + b"\n")
        for _ in range(300):
            out.write(piece)
    program = (
        "import sys, resource\n"
        "from pathlib import Path\n"
        "from bot.errors import StorageError\n"
        "from bot.portability.record_file import RecordFile, open_records\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n"
        "    list(RecordFile(Path('f'), open_records(Path(sys.argv[1]))).records())\n"
        "except StorageError as error:\n"
        "    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (60, 60)),
    )
    grown, _, said = done.stdout.partition(" ")
    assert f"it is longer than {MAX_LINE_BYTES / 1e6:.0f} MB" in said
    assert int(grown) < 3 * MAX_LINE_BYTES
