"""Reads the pictures of files in a child process, which hostile files cannot leave."""

from __future__ import annotations

import asyncio
import base64

from backends.base import Picture
from backends.worker.frames import Head
from bot.catalogue.sentence import say
from bot.config.knowledge import LoadingSettings
from bot.config.pictures import PictureSettings
from bot.errors import Refused
from bot.knowledge.loading.process import IDLE_TIMEOUT_S, ReadingProcess
from bot.values import PicturesRead

_CHILD_MODULE = "bot.knowledge.loading.pictures.child"
_LIMITS = LoadingSettings(cpu_s=20, wall_s=60.0, memory_mb=1024)
"""What one file may take."""


class PictureReader:
    """Makes the pictures of files ready for a model: upright, small enough, without metadata."""

    def __init__(self, settings: PictureSettings, *, idle_s: float = IDLE_TIMEOUT_S) -> None:
        setup: Head = {
            "max_pixels": settings.megapixels * 1_000_000,
            "side": settings.side_pixels,
        }
        self._process = ReadingProcess(_CHILD_MODULE, _LIMITS, setup, idle_s=idle_s)

    @property
    def pid(self) -> int | None:
        """The id of the child process, or None if none is running."""
        return self._process.pid

    async def read(self, name: str, data: bytes, most: int) -> PicturesRead:
        """Read a picture, or at most `most` pictures of a document.

        Raises `Refused`, or `LoaderFailed` where the process does not start.
        """
        head: Head = {"op": "pictures", "name": name, "most": most}
        answer, body = await self._process.ask(name[:100], head, data)
        try:
            return await asyncio.to_thread(_unpack, answer, bytes(body), name)
        except (KeyError, TypeError, ValueError):
            raise Refused(say("{name} cannot be seen.", name=name[:100])) from None

    async def aclose(self) -> None:
        """End the process. Safe to call twice."""
        await self._process.aclose()


def _unpack(answer: Head, body: bytes, name: str) -> PicturesRead:
    pictures: list[Picture] = []
    notes: list[str] = []
    at = 0
    for told in answer["pictures"]:
        data, at = body[at : at + int(told["bytes"])], at + int(told["bytes"])
        media_type = told["media_type"]
        if media_type not in ("image/jpeg", "image/png"):
            raise ValueError("not a type of picture")
        encoded = base64.b64encode(data).decode("ascii")
        pictures.append(Picture(encoded, media_type, int(told["width"]), int(told["height"])))
        if told["moves"]:
            notes.append(say("Of {name} only the first frame is seen.", name=name[:100]))
    if answer["more"]:
        notes.append(say("Not all pictures of {name} are seen.", name=name[:100]))
    return PicturesRead(tuple(pictures), tuple(dict.fromkeys(notes)))
