"""Whether there is a newer version: the real pip asks an index on loopback, once a day."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.notices.version_watch import FILE_NAME, PACKAGE, watch_version
from tests.fakes.package_index import PackageIndex

DAY_S = 86_400.0


@dataclass
class Clock:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


async def test_a_newer_version_is_told_and_the_index_is_asked_once_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, clock = PackageIndex(tmp_path / "index"), Clock()
    index.make(PACKAGE, "0.9.0")
    index.make(PACKAGE, "0.10.0")
    index.make(PACKAGE, "1.0.0rc1")
    with index.running() as address:
        monkeypatch.setenv("PIP_INDEX_URL", address)
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        (trouble,) = await watch_version(tmp_path, "0.9.0", clock)()
        assert trouble.text == "Version 0.10.0 of Parlance is there; this is 0.9.0."
        assert (tmp_path / FILE_NAME).stat().st_mode & 0o077 == 0
    # The index is gone: another process knows what was found, and does not ask again.
    clock.now += DAY_S / 2
    assert await watch_version(tmp_path, "0.9.0", clock)() == [trouble]
    assert await watch_version(tmp_path, "0.10.0", clock)() == ()
    assert await watch_version(tmp_path, None, clock)() == ()


async def test_an_index_that_cannot_be_reached_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    clock = Clock()
    assert await watch_version(tmp_path, "0.9.0", clock)() == ()
    assert (tmp_path / FILE_NAME).read_text("utf-8").startswith("1800000000 ")
