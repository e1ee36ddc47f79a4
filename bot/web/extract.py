"""Extracts readable Markdown from the bytes of a page. It may block, and runs in the process that
reads documents: see `bot.knowledge.loading.document_reader`."""

from __future__ import annotations

import html
import re
from contextlib import suppress
from dataclasses import dataclass, field

from bot.errors import Refused
from bot.web.decoding import decode, is_binary
from bot.web.markup import marked_part, readable_part

_MARKUP = re.compile(r"\s*(<!doctype html|<html[\s>]|<head[\s>]|<body[\s>])", re.IGNORECASE)
_TITLE = re.compile(r"<title[^<>]*+>", re.IGNORECASE)
_TITLE_ENDS = re.compile(r"</title>", re.IGNORECASE)
_HEADING = re.compile(r"^#{1,6}\s++(.*[^\s#])", re.MULTILINE)
_PASSWORD = re.compile(r"""<input[^>]{0,300}type\s*=\s*["']?password""", re.IGNORECASE)
_SITE = re.compile(r"\s+[-|–—·•:»]{1,2}\s")
_SHORT_PAGE_CHARACTERS = 400
"""Less text than this, in characters, is a short page; with a password field it is a login."""

HTML = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(frozen=True, slots=True)
class Extracted:
    """Readable text as Markdown, and what the page calls itself."""

    title: str
    text: str = field(repr=False)


def is_html(data: bytes, content_type: str) -> bool:
    """Whether to read this as a web page: by its type, or by its first tag."""
    return content_type in HTML or bool(_MARKUP.match(data[:1024].decode("latin-1").lstrip("ï»¿")))


def extract(
    data: bytes, name: str, content_type: str = "", charset: str | None = None
) -> Extracted:
    """Read a web page or a plain text. Raises `Refused` where there is nothing to read."""
    if is_binary(data):
        raise Refused(f"{name:.100} is not text, so there is nothing to read in it.")
    text = decode(data, charset)
    page = is_html(data, content_type)
    found = _extract_page(text) if page else _extract_plain(text)
    if page and len(found.text) < _SHORT_PAGE_CHARACTERS and _PASSWORD.search(text):
        raise Refused(f"{name:.100} asks for a password; pages behind a login cannot be read.")
    if not found.text.strip():
        raise Refused(
            f"{name:.100} has no readable text; it may need a login, or be made of scripts alone."
        )
    return found


def _extract_plain(text: str) -> Extracted:
    heading = _HEADING.search(text[:2000])
    return Extracted(heading[1] if heading else "", text.replace("\r\n", "\n").strip())


def _extract_page(text: str) -> Extracted:
    """What a page marks as its text, whole; else what trafilatura finds, which leaves out listings
    and short pages' headings and tables."""
    with suppress(RecursionError):  # nested too deeply for that; trafilatura may read it
        marked = marked_part(text)
        if marked:
            return Extracted(_title(text, marked), marked)
    body = _article(text)
    if len(body) < _SHORT_PAGE_CHARACTERS:
        with suppress(RecursionError):
            body = readable_part(text) or body
    return Extracted(_title(text, body), body)


def _article(text: str) -> str:
    import trafilatura  # takes half a second to import, so only where a page is read

    body = trafilatura.extract(
        text,
        output_format="markdown",
        include_formatting=True,
        include_tables=True,
        include_links=False,
        include_comments=False,
        favor_recall=True,
        with_metadata=False,
    )
    return (body or "").strip()


def _title(text: str, body: str) -> str:
    """What the page calls itself, without the site's name behind it."""
    head = text[:100_000]
    begin = _TITLE.search(head)
    end = _TITLE_ENDS.search(head, begin.end()) if begin else None
    inside = head[begin.end() : end.start()] if begin and end else ""
    title = " ".join(html.unescape(inside).split())[:200]
    heading = _HEADING.search(body[:2000])
    if heading and _SITE.match(title.removeprefix(heading[1])) and title.startswith(heading[1]):
        return heading[1]
    return title
