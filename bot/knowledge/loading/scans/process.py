"""Starts and controls the child process that recognises text.

It is started for the first page, kept for the next ones, and ended when idle. Each page is a
request with limits of its own, so a page that takes too much is left out, and no other is.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum

from backends.worker.frames import Head
from bot.config.knowledge import LoadingSettings
from bot.config.scans import ScanSettings
from bot.errors import Refused
from bot.knowledge.loading.block_frames import decode_blocks
from bot.knowledge.loading.limits import MEMORY_IS_COUNTED
from bot.knowledge.loading.process import IDLE_TIMEOUT_S, LoaderFailed, ReadingProcess
from bot.skills.document_tree import Block

_WALL_PER_CPU = 4
"""How much longer a page may take than its processor time: the machine may be busy."""
_CHILD_MODULE = "bot.knowledge.loading.scans.child"


class PageOutcome(StrEnum):
    """What came of a page."""

    READ = "read"
    BLANK = "blank"
    PICTURE = "picture"
    ILLEGIBLE = "illegible"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ScannedPage:
    """A page as it was read. `partly` says that some of its lines could not be read."""

    outcome: PageOutcome
    blocks: tuple[Block, ...] = field(default=(), repr=False)
    confidence: float = 0.0
    partly: bool = False


class ScanProcess:
    """Recognises the text of one page after another in a child process that runs `module`."""

    def __init__(
        self,
        settings: ScanSettings,
        *,
        module: str = _CHILD_MODULE,
        idle_s: float = IDLE_TIMEOUT_S,
        memory_is_counted: bool = MEMORY_IS_COUNTED,
    ) -> None:
        self._settings = settings
        limits = LoadingSettings(
            cpu_s=settings.page_s,
            wall_s=settings.page_s * _WALL_PER_CPU,
            memory_mb=settings.memory_mb,
        )
        self._process = ReadingProcess(
            module,
            limits,
            {"languages": list(settings.languages)},
            idle_s=idle_s,
            memory_is_counted=memory_is_counted,
        )

    @property
    def pid(self) -> int | None:
        """The process, where there is one."""
        return self._process.pid

    async def count_pages(self, called: str, data: bytes) -> int:
        """Returns the number of pages of a picture file. Raises `Refused` or `LoaderFailed`."""
        answer, _ = await self._process.ask(called, {"op": "count"}, data)
        return int(answer["pages"])

    async def read_page(self, called: str, data: bytes, page: int, *, pdf: bool) -> ScannedPage:
        """Reads a page (from 1) of a PDF or a picture file.

        A page that breaks the process, or takes too much of it, has failed. Raises `LoaderFailed`
        where the process does not start.
        """
        max_pixels = self._settings.megapixels * 1_000_000
        head: Head = {"op": "page", "page": page, "pdf": pdf, "max_pixels": max_pixels}
        try:
            answer, body = await self._process.ask(called, head, data)
            outcome = PageOutcome(answer["outcome"])
            if outcome is not PageOutcome.READ:
                return ScannedPage(outcome)
            blocks = await asyncio.to_thread(decode_blocks, body)
            return ScannedPage(outcome, blocks, float(answer["score"]), bool(answer["partly"]))
        except (Refused, KeyError, TypeError, ValueError):
            return ScannedPage(PageOutcome.FAILED)
        except LoaderFailed:
            if self._process.pid is None:
                raise
            return ScannedPage(PageOutcome.FAILED)

    async def aclose(self) -> None:
        """Ends the process. Safe to call twice."""
        await self._process.aclose()
