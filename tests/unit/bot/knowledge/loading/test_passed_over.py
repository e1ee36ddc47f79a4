"""What of a folder is read by its name, and that the rest is counted and told."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.registry import LOADERS
from bot.knowledge.loading.skipped_files import describe_skipped
from bot.knowledge.loading.sources import FolderItems
from bot.knowledge.service import KnowledgeService
from tests.fakes.loaded_text import load_with_text
from tests.unit.bot.knowledge.conftest import Drain, Room


def test_well_known_files_without_a_suffix_were_passed_over(tmp_path: Path) -> None:
    read = (
        "Changelog",
        "Dockerfile",
        "Dockerfile.dev",
        "Jenkinsfile",
        "LICENSE",
        "Makefile",
        "README",
    )
    for name in (*read, "core", "prod.env"):
        (tmp_path / name).write_text("# Text")
    items = FolderItems(tmp_path, LOADERS)
    assert sorted(Path(item.location).name for item in items) == sorted(read)
    assert items.skipped == {"without a suffix": 1, ".env": 1}


async def test_what_is_passed_over_is_told_once(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    for name in ("one/a.png", "one/b.PNG", "one/c.zip", "two/d.png", "two/.hidden"):
        room.file(name, b"PK")
    for name in ("one/a.md", "two/b.md"):
        room.file(name, "# Text")
    one, two = room.path / "docs/one", room.path / "docs/two"
    events = await drain(service.add(str(one)))
    assert [event.state for event in events] == ["added", "passed"]
    told = "3 files of kinds that are not read were passed over: 2 .png, 1 .zip."
    assert events[-1].detail == told
    told = "1 file of a kind that is not read was passed over: 1 .png."
    assert (await drain(service.add(str(two))))[-1].detail == told
    events = await drain(service.sync())
    assert [event.state for event in events] == ["unchanged", "unchanged", "passed"]
    assert events[-1].detail.endswith("were passed over: 3 .png, 1 .zip.")


def test_few_kinds_are_told_by_name() -> None:
    many = {f".{letter}": number for number, letter in enumerate("abcdefghij", 1)}
    assert describe_skipped(many).endswith(
        ": 10 .j, 9 .i, 8 .h, 7 .g, 6 .f, 5 .e, 4 .d, 3 .c, 3 more."
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Makefile", "```makefile\n# Text\n```"),
        ("Dockerfile.dev", "```dockerfile\n# Text\n```"),
        ("Dockerfile.md", "# Text"),
        ("README", "# Text"),
    ],
)
def test_a_comment_of_a_makefile_is_no_heading(name: str, text: str) -> None:
    assert load_with_text(RawDocument(name, b"# Text\n"), LOADERS).text == text
