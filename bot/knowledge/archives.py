"""Zip files in which office documents and books come: looked over before anything is unpacked."""

from __future__ import annotations

import io
import zipfile

from bot.errors import Refused

_ENTRIES = 20_000
_UNPACKED = 300 * 1024 * 1024
_RATIO = 200
_RATIO_FROM = 5 * 1024 * 1024


def open_archive(data: bytes, name: str, kind: str) -> zipfile.ZipFile:
    """A zip file that is safe to read. Raises `Refused`: damaged, encrypted, or a bomb.

    A zip says how large its members are; reading one past that fails, so the sums can be trusted.
    """
    called = name[:100]
    if data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise Refused(
            f"{called} is encrypted or in an old office format; save it as {kind} without a "
            "password and add it again."
        )
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as exc:
        raise Refused(f"{called} is damaged or not {kind}, and cannot be read.") from exc
    members = archive.infolist()
    unpacked = sum(member.file_size for member in members)
    if len(members) > _ENTRIES or unpacked > _UNPACKED:
        raise Refused(f"{called} unpacks to far more than a document would, so it is not read.")
    if unpacked > _RATIO_FROM and unpacked > _RATIO * max(1, len(data)):
        raise Refused(f"{called} unpacks to far more than a document would, so it is not read.")
    if any(member.flag_bits & 1 for member in members):
        raise Refused(f"{called} is encrypted; save it without a password and add it again.")
    return archive
