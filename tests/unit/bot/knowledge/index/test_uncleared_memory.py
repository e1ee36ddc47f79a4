"""What Chroma's files hold beside vectors."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from backends.arrays import np
from bot.knowledge.index.chroma import ChromaIndex
from bot.knowledge.index.chroma_folder import ChromaFolder

WORDS = b"What somebody had said. "
COLLECTIONS = 8


def leave_words_in_free_memory() -> None:
    """Fill memory with words and give it back, in as many threads as a bot has."""

    def fill() -> None:
        sizes = (170_000, 200_000, 400_000, 1_000_000) * 3
        kept = [bytearray(WORDS * (size // len(WORDS))) for size in sizes]
        kept.clear()

    threads = [threading.Thread(target=fill) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


async def test_free_memory_of_the_process_was_written_beside_the_vectors(tmp_path: Path) -> None:
    index = ChromaIndex(ChromaFolder(tmp_path / "chroma"))
    await asyncio.to_thread(leave_words_in_free_memory)  # later memory is cut from what is free
    vectors = np.eye(6, 384, dtype=np.float32)
    for number in range(COLLECTIONS):
        await asyncio.to_thread(leave_words_in_free_memory)
        await index.upsert(f"passages-{number}", [*"abcdef"], ["document"] * 6, vectors)
        await index.query(f"passages-{number}", vectors[0], 2)
    await index.aclose()
    files = sorted((tmp_path / "chroma").rglob("data_level0.bin"))
    assert len(files) == COLLECTIONS
    assert [path for path in files if WORDS in await asyncio.to_thread(path.read_bytes)] == []
