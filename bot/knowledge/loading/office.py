"""Loads PPTX slides (with markitdown) and EPUB books; lists the loaders of office formats."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError, fromstring

from bot.errors import Refused
from bot.knowledge.loading.docx import DOCX
from bot.knowledge.loading.zip_safety import open_archive
from bot.skills.document_loader import BoundedText, Loaded, Loader, find_first_heading
from bot.web.decoding import decode
from bot.web.markup import to_markdown

_SLIDE_MARK = re.compile(r"<!-- Slide number: (\d+) -->\n*+(?:# (.*+)(?:\n|\Z))?")
_NOTES_HEADING = re.compile(r"^### Notes:$", re.MULTILINE)


def _tidy_slides(text: str) -> str:
    """Each slide under its title and number, since people speak of both."""

    def heading(slide: re.Match[str]) -> str:
        title = (slide[2] or "").strip()
        return f"# {title} (slide {slide[1]})\n\n" if title else f"# Slide {slide[1]}\n\n"

    return _NOTES_HEADING.sub("## Notes", _SLIDE_MARK.sub(heading, text)).replace(
        "\n### Chart", "\n## Chart"
    )


def _load_pptx(data: bytes, name: str) -> Loaded:
    open_archive(data, name, "a PPTX").close()
    from markitdown import StreamInfo, converters  # takes its time to import

    try:
        converted = converters.PptxConverter().convert(
            io.BytesIO(data),
            StreamInfo(extension=".pptx"),
            escape_underscores=False,
            escape_asterisks=False,
        )
    except (RecursionError, MemoryError):
        raise
    # The format's libraries raise whatever their parsers do on a damaged file.
    except Exception as exc:
        raise Refused(f"{name[:100]} is damaged or not a PPTX, and cannot be read.") from exc
    text = _tidy_slides(converted.markdown.replace("\r\n", "\n")).strip()
    if not text:
        raise Refused(f"{name[:100]} has no text.")
    return Loaded(text, find_first_heading(text).removesuffix(" (slide 1)"))


def _load_epub(data: bytes, name: str) -> Loaded:
    """A book: its chapters in the order of its spine."""
    with open_archive(data, name, "an EPUB") as book:
        try:
            title, chapters = _read_spine(book)
            texts = BoundedText()
            texts.extend(_read_chapter(book, chapter) for chapter in chapters)
        except (KeyError, ParseError, ValueError, zipfile.BadZipFile, OSError) as exc:
            raise Refused(f"{name[:100]} is damaged or not an EPUB, and cannot be read.") from exc
    text = texts.join("\n\n")
    if not text:
        raise Refused(f"{name[:100]} has no text.")
    return Loaded(text, title)


def _read_spine(book: zipfile.ZipFile) -> tuple[str, list[str]]:
    package = _read_xml(book, "META-INF/container.xml").find(".//{*}rootfile")
    if package is None:
        raise KeyError("rootfile")
    path = package.attrib["full-path"]
    root = _read_xml(book, path)
    title = root.findtext(".//{http://purl.org/dc/elements/1.1/}title") or ""
    items = {item.get("id"): item.attrib["href"] for item in root.iterfind(".//{*}item")}
    folder = posixpath.dirname(path)
    contents = {
        item.get("id")
        for item in root.iterfind(".//{*}item")
        if "nav" in item.get("properties", "").split()
    }
    chapters = dict.fromkeys(  # each once, however often it is named
        posixpath.normpath(posixpath.join(folder, unquote(items[ref.attrib["idref"]])))
        for ref in root.iterfind(".//{*}itemref")
        if ref.attrib["idref"] not in contents
    )
    return " ".join(title.split())[:200], list(chapters)


def _read_xml(book: zipfile.ZipFile, path: str) -> Element:
    data = book.read(path)
    if b"<!ENTITY" in data:
        raise ValueError("declares entities, as no book needs to")
    return fromstring(data)


def _read_chapter(book: zipfile.ZipFile, path: str) -> str:
    return to_markdown(decode(book.read(path)))


OFFICE = (
    DOCX,
    Loader(
        "pptx",
        frozenset({".pptx"}),
        _load_pptx,
        frozenset({"application/vnd.openxmlformats-officedocument.presentationml.presentation"}),
    ),
    Loader("epub", frozenset({".epub"}), _load_epub, frozenset({"application/epub+zip"})),
)
