"""The files of the folder. All of this blocks, and is called in threads."""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import suppress
from itertools import islice
from pathlib import Path

from bot.api import Attachment

MAX_TEXT_BYTES = 64 * 1024
MAX_FILES = 10_000
"""Files that are looked at; of more, some are passed over."""
WORD = re.compile(r"[\w-]{1,40}")
Stat = tuple[int, int]
"""What tells that a file was changed."""


def look(root: Path) -> dict[Path, Stat]:
    """The texts and presses there are, each with its `Stat`."""
    found = {}
    for path in islice(root.glob("*/*"), MAX_FILES):
        if path.suffix in (".txt", ".press"):
            with suppress(OSError):  # deleted just now
                stat = path.stat()
                found[path] = (stat.st_mtime_ns, stat.st_size)
    return found


def read(path: Path) -> str:
    """The text of a file, or nothing where it is gone."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_TEXT_BYTES).decode("utf-8", "replace").strip()
    except OSError:
        return ""


def write(path: Path, data: bytes) -> None:
    """Write a file, so that nobody reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(data)
    os.replace(new, path)


def add_page(folder: Path, stem: str, text: str) -> str:
    """Write the next page below a question; returns its id, such as `kitchen/tea.2.md`."""
    number = 1
    while (folder / f"{stem}.{number}.md").exists():
        number += 1
    write(folder / f"{stem}.{number}.md", text.encode())
    return f"{folder.name}/{stem}.{number}.md"


def attachments(question: Path) -> tuple[Attachment, ...]:
    """The files that lie beside a question."""
    beside = sorted(question.parent.glob(f"{question.stem}.*"))
    return tuple(
        _attachment(path, path.name.removeprefix(f"{question.stem}."))
        for path in beside
        if path != question and path.is_file()
    )


def _attachment(path: Path, name: str) -> Attachment:
    async def fetch(limit: int) -> bytes:
        def first() -> bytes:
            with path.open("rb") as file:
                return file.read(limit)

        return await asyncio.to_thread(first)

    return Attachment(name, path.stat().st_size, None, fetch)


def answered(root: Path) -> dict[Path, Stat]:
    """The texts that have an answer, at the start."""
    return {
        path: stat
        for path, stat in look(root).items()
        if path.suffix == ".txt" and path.with_name(f"{path.name.rsplit('.', 2)[0]}.1.md").exists()
    }


def is_for_us(path: Path) -> bool:
    """Whether a file is called `NAME.PERSON.txt`, or `NAME.NUMBER.PERSON.press`; in a folder of one
    person, by that person."""
    *name, person, _ = path.name.split(".")
    parts = 2 if path.suffix == ".press" else 1
    folder = path.parent.name.removeprefix("@")
    words = all(map(WORD.fullmatch, (folder, *name, person)))
    return words and len(name) == parts and path.parent.name in (folder, f"@{person}")


def writers(root: Path, person: str) -> set[str]:
    """The names of the folders in which a person has written."""
    if not WORD.fullmatch(person):
        return set()
    return {path.parent.name for path in islice(root.glob(f"*/*.{person}.txt"), MAX_FILES)}
