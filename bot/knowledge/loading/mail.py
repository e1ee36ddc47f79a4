"""Loads e-mail files: who wrote to whom and when, the text, and the names of the attachments.

Read is the text of a message, of forwarded messages too, or its HTML where that says more. Not read
are the attachments themselves; they are named and counted.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from email.errors import (
    HeaderParseError,
    InvalidBase64CharactersDefect,
    InvalidBase64LengthDefect,
    InvalidBase64PaddingDefect,
)
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.skills.document_loader import Loaded
from bot.skills.document_tree import Block, Heading, Paragraph, list_left_out
from bot.web.decoding import decode
from bot.web.html_blocks import blocks_of_html

_SHOWN_HEADERS = ("From", "To", "Cc", "Date")
_MAX_HEADER_CHARACTERS = 2_000
_MIN_TEXT_SHARE = 0.3
"""Part of the letters of a message's HTML that its plain text has, if it says the same."""
_BLANK_LINES = re.compile(r"\n(?:[ \t]*+\n)+")
_QUOTE = re.compile(r"(?:> ?)++", re.MULTILINE)
_FLOWED = re.compile(r"(?<!^-- )(?<=\S) \n(?=[^\s>])", re.MULTILINE)
_LETTERS_LOST = (InvalidBase64LengthDefect, InvalidBase64PaddingDefect)
_DAMAGE = (*_LETTERS_LOST, InvalidBase64CharactersDefect)
_ENCRYPTED_TYPES = frozenset({"multipart/encrypted", "application/pkcs7-mime"})


def load_mail(data: bytes, name: str) -> Loaded:
    message = BytesParser().parsebytes(data.lstrip(b"\xef\xbb\xbf\r\n"))
    if not any(message.get(header) for header in ("From", "Subject", "Date", "Message-ID")):
        raise Refused(say("{name} is damaged or no e-mail, and cannot be read.", name=name[:100]))
    reader = _MailReader()
    blocks = tuple(reader.read_message(message, 1))
    if reader.encrypted and not reader.parts:
        raise Refused(say("{name} is encrypted; save its text and add that.", name=name[:100]))
    return Loaded(
        title=_header(message, "Subject")[:200],
        blocks=blocks,
        left_out=list_left_out(reader.left_out),
    )


class _MailReader:
    """Reads the parts of a message in their order."""

    def __init__(self) -> None:
        self.left_out: Counter[str] = Counter()
        self.encrypted = False
        self.parts = 0
        """How many parts were read as text."""

    def read_message(self, message: Message, level: int) -> Iterator[Block]:
        """The blocks of a message and of those that it forwards."""
        subject = _header(message, "Subject")
        if subject:
            yield Heading(level, subject)
        shown = [(header, _header(message, header)) for header in _SHOWN_HEADERS]
        lines = [f"{header}: {value}" for header, value in shown if value]
        if lines:
            yield Paragraph("\n".join(lines))
        attached: list[str] = []
        yield from self._read_part(message, attached, level)
        if attached:
            self.left_out["attachment"] += len(attached)
            yield Paragraph(f"Attachments: {', '.join(attached)}")

    def _read_part(self, part: Message, attached: list[str], level: int) -> Iterator[Block]:
        kind = part.get_content_type()
        inside = part.get_payload()
        self.encrypted |= kind in _ENCRYPTED_TYPES
        if kind == "message/rfc822" and isinstance(inside, list):
            for message in inside:
                if isinstance(message, Message):
                    yield from self.read_message(message, min(level + 1, 6))
        elif isinstance(inside, list):
            parts = [one for one in inside if isinstance(one, Message)]
            if kind == "multipart/alternative":
                parts = [self._best(parts)] if parts else []
            for one in parts:
                yield from self._read_part(one, attached, level)
        elif _is_attached(part) or kind not in ("text/plain", "text/html"):
            if part.get("Content-ID") is None or not kind.startswith("image/"):
                attached.append(_file_name(part))
        else:
            self.parts += 1
            yield from self._read_text(part)
            self.left_out["damaged part"] += any(isinstance(d, _DAMAGE) for d in part.defects)

    def _read_text(self, part: Message) -> Iterator[Block]:
        if part.get_content_type() == "text/html":
            yield from blocks_of_html(_text_of(part), self.left_out)
            return
        text = _text_of(part).replace("\r\n", "\n").replace("\r", "\n")
        if part.get_param("format") == "flowed":
            text = _FLOWED.sub(" ", text)
        for paragraph in _BLANK_LINES.split(text.strip("\n")):
            lines = paragraph.strip()
            if lines.startswith(">"):
                yield Paragraph(_QUOTE.sub("", lines).strip(), "quote")
            elif lines:
                yield Paragraph(lines)

    def _best(self, parts: list[Message]) -> Message:
        """The plain text of a message, or its HTML where that says much more."""
        plain = next((part for part in parts if part.get_content_type() == "text/plain"), None)
        rich = next((part for part in parts if _has_html(part)), None)
        if plain is None or rich is None:
            return plain or rich or parts[-1]
        said = sum(map(_letters, self._read_text(plain)))
        html = next(part for part in rich.walk() if part.get_content_type() == "text/html")
        shown = sum(map(_letters, blocks_of_html(_text_of(html))))
        return plain if said > _MIN_TEXT_SHARE * shown else rich


def _letters(block: Block) -> int:
    return len("".join(getattr(block, "text", "").split()))


def _has_html(part: Message) -> bool:
    """Whether a part is HTML, or HTML with its pictures."""
    kind = part.get_content_type()
    return kind == "text/html" or (
        kind == "multipart/related"
        and any(inner.get_content_type() == "text/html" for inner in part.walk())
    )


def _is_attached(part: Message) -> bool:
    disposition = part.get_content_disposition()
    return disposition == "attachment" or (disposition != "inline" and bool(part.get_filename()))


def _text_of(part: Message) -> str:
    data = part.get_payload(decode=True)
    if any(isinstance(defect, _LETTERS_LOST) for defect in part.defects):
        lines = [line.strip() for line in str(part.get_payload()).strip().split("\n")]
        if len(lines) > 1 and " " not in "".join(lines):  # else it is no base64 at all
            data = _whole_lines(lines)
    return decode(data, part.get_content_charset()) if isinstance(data, bytes) else ""


def _whole_lines(encoded: list[str]) -> bytes:
    """What the lines of a base64 text say that have all their letters, and the last as far."""
    decoded = b""
    for at, line in enumerate(encoded, 1):
        whole = line[: len(line) // 4 * 4]
        if whole == line or at == len(encoded):
            with suppress(ValueError):
                decoded += b64decode(whole, validate=True)
    return decoded


def _file_name(part: Message) -> str:
    return _decoded(part.get_filename() or "")[:200] or part.get_content_type()


def _header(message: Message, name: str) -> str:
    raw = (str(value) for key, value in message.raw_items() if key.lower() == name.lower())
    return _decoded(next(raw, ""))


def _decoded(raw: str) -> str:
    """A header as it is shown, on one line."""
    raw = raw[:_MAX_HEADER_CHARACTERS]
    try:
        text = str(make_header(decode_header(raw)))
    except (LookupError, ValueError, HeaderParseError):  # an odd charset
        text = raw
    if any("\udc80" <= letter <= "\udcff" for letter in text):  # bytes beyond ASCII as they came
        text = decode(text.encode("utf-8", "surrogateescape"))
    return " ".join(text.split())


def refuse_outlook(data: bytes, name: str) -> Loaded:
    raise Refused(
        say(
            "{name} is in Outlook's own format, which is not read; save the "
            "message as EML or PDF and add it again.",
            name=name[:100],
        )
    )
