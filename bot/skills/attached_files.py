"""Reads the files of a message for an answer: text for every model, pictures for one that sees."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePath

from backends.base import Picture
from bot.catalogue.sentence import join_sentences, lay_out, say, say_number
from bot.errors import Recording, Refused, UserFacingError
from bot.events import Attachment
from bot.skills.context import Context
from bot.values import Page

_READ_AS_TEXT = frozenset({"image/svg+xml"})
_DOCUMENTS_WITH_PICTURES = frozenset({".docx", ".epub", ".odp", ".odt", ".pdf", ".pptx", ".xlsx"})


@dataclass(slots=True)
class AttachedFiles:
    """What was read of a message's files. `notes` are sentences about what was not."""

    pages: list[Page] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.pages or self.pictures)


def is_picture(attachment: Attachment) -> bool:
    """Whether a file says of itself that it is a picture. Drawings in SVG are read as text."""
    kind = (attachment.content_type or "").partition(";")[0].strip().lower()
    if not kind.startswith("image/"):
        kind = mimetypes.guess_type(attachment.name)[0] or ""
    return kind.startswith("image/") and kind not in _READ_AS_TEXT


async def read_attached(ctx: Context, files: Iterable[Attachment], model: str) -> AttachedFiles:
    """Read files for an answer of `model`. What cannot be read is told in the notes."""
    reading = _Reading(ctx, (await ctx.models.capabilities(model)).vision)
    for file in files:
        try:
            await reading.read(file)
        except Recording as exc:
            reading.found.notes.append(str(exc))
        except UserFacingError as exc:
            reason = say("{name} is left out: {reason}", name=file.name[:100], reason=exc)
            reading.found.notes.append(reason)
    if reading.unseen:
        most = ctx.services.max_pictures
        more = say_number("Only {n} picture is seen.", "Only {n} pictures are seen.", most)
        reading.found.notes.append(more if most else say("I look at no pictures here."))
    if reading.blind:
        reading.found.notes.append(await _cannot_see(ctx, model))
    return reading.found


class _Reading:
    """Reads one file after another, with what is left of the pictures that a message may have."""

    def __init__(self, ctx: Context, sees: bool) -> None:
        self._ctx = ctx
        self._sees = sees
        self.found = AttachedFiles()
        self.blind = self.unseen = False

    async def read(self, file: Attachment) -> None:
        """Raises `UserFacingError` if it cannot be read."""
        if is_picture(file):
            await (self._see(file) if self._sees else self._recognize(file))
            return
        try:
            self.found.pages.append(await self._ctx.read(file))
        except Refused as error:
            if not (self._sees and await self._see_document(file)):
                raise error from None
        else:
            if self._sees:
                await self._see_document(file)

    async def _see(self, file: Attachment) -> None:
        left = self._ctx.services.max_pictures - len(self.found.pictures)
        if left <= 0:
            self.unseen = True
            return
        read = await self._ctx.pictures(file, left)
        self.found.pictures += read.pictures
        self.found.notes += read.notes

    async def _see_document(self, file: Attachment) -> bool:
        """See the pictures of a document; False if it has none that can be seen."""
        left = self._ctx.services.max_pictures - len(self.found.pictures)
        if left <= 0 or PurePath(file.name).suffix.lower() not in _DOCUMENTS_WITH_PICTURES:
            return False
        try:
            read = await self._ctx.pictures(file, left)
        except UserFacingError:
            return False
        self.found.pictures += read.pictures
        self.found.notes += read.notes
        return bool(read.pictures)

    async def _recognize(self, file: Attachment) -> None:
        """Read the text of a picture, where text recognition is on, for a model that is blind."""
        try:
            self.found.pages.append(await self._ctx.read(file))
        except Refused:
            self.blind = True


async def _cannot_see(ctx: Context, model: str) -> str:
    """That a model cannot see pictures, and which can."""
    able = [one.name for one in await ctx.models.describe() if one.vision and one.name != model]
    blind = say("{model} cannot see pictures.", model=model)
    if not able:
        return blind
    call = ctx.written(lay_out("/model use {name}", name=able[0]))
    return join_sentences((blind, say("{model} can: {call}", model=able[0], call=call)), " ")
