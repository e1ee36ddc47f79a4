"""Loads EPUB: the chapters of a book that are there, in the order of its spine."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.knowledge.loading.block_text import block_length
from bot.knowledge.loading.office.package import Damaged, Package, without_text
from bot.skills.document_loader import MAX_CHARACTERS, Loaded, TooLong
from bot.skills.document_tree import Block, list_left_out
from bot.web.decoding import decode
from bot.web.html_blocks import blocks_of_html

_TITLE = ".//{http://purl.org/dc/elements/1.1/}title"
_PICTURE = re.compile(r"<(?:img|image)\b", re.IGNORECASE)
_MAX_SHEETS = 20
_MAX_SHEET_BYTES = 256 * 1024
_FONT_METHODS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
"""Methods that change fonts a little, and no text."""


@dataclass(frozen=True, slots=True)
class _Item:
    """A file of the book, by its path in the archive; "" where the book does not say it."""

    path: str
    is_contents: bool
    is_picture: bool


def load_epub(data: bytes, name: str) -> Loaded:
    left_out: Counter[str] = Counter()
    with Package(data, name, say("an EPUB")) as book:
        path = _package_path(book)
        root = book.xml(path)
        encrypted = _encrypted_paths(book)
        chapters = _spine(root, posixpath.dirname(path), left_out)
        closed = [one for one in chapters if one.lower() in encrypted]
        if closed and len(closed) == len(chapters):
            raise Refused(
                say(
                    "{name} is protected, so that other programs cannot read it; add a "
                    "copy without protection.",
                    name=name[:100],
                )
            )
        left_out["encrypted chapter"] += len(closed)
        sheets = _style_sheets(book, root, posixpath.dirname(path))
        readable = [one for one in chapters if one not in closed]
        blocks = _read_chapters(book, readable, sheets, left_out)
        title = " ".join((root.findtext(_TITLE) or "").split())[:200]
    if not blocks:
        raise without_text(name)
    return Loaded(title=title, blocks=tuple(blocks), left_out=list_left_out(left_out))


def _package_path(book: Package) -> str:
    """The path of the file that lists the parts of a book."""
    found = book.xml("META-INF/container.xml").find(".//{*}rootfile")
    if found is None:
        raise Damaged
    return unquote(found.get("full-path", ""))


def _spine(root: Element, folder: str, left_out: Counter[str]) -> list[str]:
    """The paths of the chapters in order, each once, however often it is named."""
    items = {
        one.get("id", ""): _item(one, folder) for one in root.iterfind(".//{*}manifest/{*}item")
    }
    chapters: dict[str, None] = {}
    for mark in root.iterfind(".//{*}itemref"):
        item = items.get(mark.get("idref", ""))
        if item is None or not item.path:
            left_out["missing chapter"] += 1
        elif item.is_picture:
            left_out["picture"] += 1
        elif not item.is_contents:
            chapters[item.path] = None
    return list(chapters)


def _item(element: Element, folder: str) -> _Item:
    target = unquote(element.get("href", "").partition("#")[0])
    path = posixpath.normpath(posixpath.join(folder, target)).lstrip("/") if target else ""
    kind = element.get("media-type", "")
    is_picture = kind.startswith("image/") and kind != "image/svg+xml"
    return _Item(path, "nav" in element.get("properties", "").split(), is_picture)


def _style_sheets(book: Package, root: Element, folder: str) -> list[str]:
    """The style sheets of a book, as far as they can be read."""
    sheets: list[str] = []
    for one in root.iterfind(".//{*}manifest/{*}item[@media-type='text/css']"):
        path = _item(one, folder).path
        if len(sheets) < _MAX_SHEETS and book.has(path):
            with suppress(Damaged):
                sheets.append(decode(book.read(path)[:_MAX_SHEET_BYTES]))
    return sheets


def _encrypted_paths(book: Package) -> frozenset[str]:
    """The files whose text is encrypted, in lower case."""
    if not book.has("META-INF/encryption.xml"):
        return frozenset()
    found = set()
    for data in book.xml("META-INF/encryption.xml").iter():
        if data.tag.rpartition("}")[2] != "EncryptedData":
            continue
        method, target = data.find("{*}EncryptionMethod"), data.find(".//{*}CipherReference")
        if target is None or (method is not None and method.get("Algorithm") in _FONT_METHODS):
            continue
        found.add(unquote(target.get("URI", "")).lstrip("/").lower())
    return frozenset(found)


def _read_chapters(
    book: Package, paths: list[str], sheets: list[str], left_out: Counter[str]
) -> list[Block]:
    blocks: list[Block] = []
    left = MAX_CHARACTERS
    for path in paths:
        if not book.has(path):
            left_out["missing chapter"] += 1
            continue
        try:
            html = decode(book.read(path))
            chapter = blocks_of_html(html, sheets=sheets)
        except (Damaged, ValueError):  # what a converter of HTML makes of odd attributes
            left_out["damaged chapter"] += 1
            continue
        left_out["picture"] += len(_PICTURE.findall(html))
        for block in chapter:
            left -= block_length(block)
            if left < 0:
                raise TooLong
            blocks.append(block)
    return blocks
