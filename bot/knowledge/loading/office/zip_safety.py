"""Checks zip files (office documents, books) for bombs and encryption before unpacking them."""

from __future__ import annotations

import io
import zipfile

from bot.catalogue.sentence import say
from bot.errors import Refused

_MAX_ENTRIES = 20_000
_MAX_UNPACKED_BYTES = 300 * 1024 * 1024
_MAX_COMPRESSION_RATIO = 200
_MIN_RATIO_CHECKED_BYTES = 5 * 1024 * 1024


def open_archive(data: bytes, name: str, kind: str) -> zipfile.ZipFile:
    """Opens a zip file. Raises `Refused` if it is damaged, encrypted or a bomb.

    A zip says how large its members are; reading one past that fails, so the sums can be trusted.
    """
    called = name[:100]
    if data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise Refused(
            say(
                "{called} is encrypted or in an old office format; save it as "
                "{kind} without a password and add it again.",
                called=called,
                kind=kind,
            )
        )
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as exc:
        raise Refused(
            say("{called} is damaged or not {kind}, and cannot be read.", called=called, kind=kind)
        ) from exc
    members = archive.infolist()
    unpacked = sum(member.file_size for member in members)
    is_bomb = unpacked > _MIN_RATIO_CHECKED_BYTES and unpacked > _MAX_COMPRESSION_RATIO * len(data)
    if len(members) > _MAX_ENTRIES or unpacked > _MAX_UNPACKED_BYTES or is_bomb:
        raise Refused(
            say(
                "{called} unpacks to far more than a document would, so it is not read.",
                called=called,
            )
        )
    if any(member.flag_bits & 1 for member in members):
        raise Refused(
            say(
                "{called} is encrypted; save it without a password and add it again.", called=called
            )
        )
    return archive
