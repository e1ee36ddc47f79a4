"""Office documents (with markitdown) and EPUB books."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError, fromstring

from bot.errors import Refused
from bot.knowledge.archives import open_archive
from bot.knowledge.loader import Loaded, Loader, opening_heading
from bot.web.decoding import decode
from bot.web.markup import to_markdown

_OFFICE = "application/vnd.openxmlformats-officedocument"


_STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => h2:fresh"
_NOTE = re.compile(r"\[\[(\d+)\]\]\(#(?:foot|end)note-\d+\)")
_NOTE_BACK = re.compile(r"[ \t]*\[↑\]\(#(?:foot|end)note-ref-\d+\)")
_SLIDE = re.compile(r"<!-- Slide number: (\d+) -->\n*(?:# (.*)\n)?")
_NOTES = re.compile(r"^### Notes:$", re.MULTILINE)


def _tidy_document(text: str) -> str:
    """Notes are marked as Markdown does: `[^1]`, and `[^1]:` before its text."""
    if not _NOTE_BACK.search(text):
        return text
    lines = []
    for line in text.split("\n"):
        marked = re.sub(r"^(\d+)\. ", r"[^\1]: ", line) if _NOTE_BACK.search(line) else line
        lines.append(_NOTE.sub(r"[^\1]", _NOTE_BACK.sub("", marked)))
    return "\n".join(lines)


def _tidy_slides(text: str) -> str:
    """Each slide under its title and number, since people speak of both."""

    def heading(slide: re.Match[str]) -> str:
        title = (slide[2] or "").strip()
        return f"# {title} (slide {slide[1]})\n\n" if title else f"# Slide {slide[1]}\n\n"

    return _NOTES.sub("## Notes", _SLIDE.sub(heading, text)).replace("\n### Chart", "\n## Chart")


_TIDY = {".docx": _tidy_document, ".pptx": _tidy_slides}


def _converter(suffix: str) -> Any:
    """markitdown's converter for one format; imported here, since it takes its time."""
    from markitdown import converters

    return {
        ".docx": converters.DocxConverter,
        ".pptx": converters.PptxConverter,
    }[suffix]()


def _office(suffix: str, kind: str) -> Callable[[bytes, str], Loaded]:
    def load(data: bytes, name: str) -> Loaded:
        open_archive(data, name, kind).close()
        from markitdown import StreamInfo

        try:
            stream = io.BytesIO(data)
            info = StreamInfo(extension=suffix)
            result = _converter(suffix).convert(stream, info, style_map=_STYLES)
            title = " ".join((result.title or "").split())[:200]
        # The formats' libraries raise whatever their parsers do on a damaged file.
        except Exception as exc:
            raise Refused(f"{name[:100]} is damaged or not {kind}, and cannot be read.") from exc
        text = _TIDY[suffix](result.markdown.replace("\r\n", "\n")).strip()
        if not text:
            raise Refused(f"{name[:100]} has no text.")
        return Loaded(text, title or opening_heading(text).removesuffix(" (slide 1)"))

    return load


def _epub(data: bytes, name: str) -> Loaded:
    """A book: its chapters in the order of its spine."""
    with open_archive(data, name, "an EPUB") as book:
        try:
            title, chapters = _spine(book)
            texts = [_chapter(book, chapter) for chapter in chapters]
        except (KeyError, ParseError, ValueError, zipfile.BadZipFile, OSError) as exc:
            raise Refused(f"{name[:100]} is damaged or not an EPUB, and cannot be read.") from exc
    text = "\n\n".join(part for part in texts if part)
    if not text:
        raise Refused(f"{name[:100]} has no text.")
    return Loaded(text, title)


def _spine(book: zipfile.ZipFile) -> tuple[str, list[str]]:
    package = _xml(book, "META-INF/container.xml").find(".//{*}rootfile")
    if package is None:
        raise KeyError("rootfile")
    path = package.attrib["full-path"]
    root = _xml(book, path)
    title = root.findtext(".//{http://purl.org/dc/elements/1.1/}title") or ""
    items = {item.get("id"): item.attrib["href"] for item in root.iterfind(".//{*}item")}
    folder = posixpath.dirname(path)
    contents = {
        item.get("id")
        for item in root.iterfind(".//{*}item")
        if "nav" in item.get("properties", "").split()
    }
    chapters = [
        posixpath.normpath(posixpath.join(folder, unquote(items[ref.attrib["idref"]])))
        for ref in root.iterfind(".//{*}itemref")
        if ref.attrib["idref"] not in contents
    ]
    return " ".join(title.split())[:200], chapters


def _xml(book: zipfile.ZipFile, path: str) -> Element:
    data = book.read(path)
    if b"<!ENTITY" in data:
        raise ValueError("declares entities, as no book needs to")
    return fromstring(data)


def _chapter(book: zipfile.ZipFile, path: str) -> str:
    return to_markdown(decode(book.read(path)))


OFFICE = (
    Loader(
        "docx",
        frozenset({".docx"}),
        _office(".docx", "a DOCX"),
        frozenset({f"{_OFFICE}.wordprocessingml.document"}),
    ),
    Loader(
        "pptx",
        frozenset({".pptx"}),
        _office(".pptx", "a PPTX"),
        frozenset({f"{_OFFICE}.presentationml.presentation"}),
    ),
    Loader("epub", frozenset({".epub"}), _epub, frozenset({"application/epub+zip"})),
)
