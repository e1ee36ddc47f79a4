"""Extracts what is to be read from the bytes of a page. It may block, and runs in the process that
reads documents: see `bot.knowledge.loading.document_reader`."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Sequence

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.skills.document_loader import Loaded
from bot.skills.document_tree import Block, first_heading, list_left_out, to_markdown
from bot.web.decoding import decode, is_binary, is_html
from bot.web.html_blocks import blocks_of_tree
from bot.web.html_tree import parse
from bot.web.page_content import find_content

_TITLE = re.compile(r"<title[^<>]*+>", re.IGNORECASE)
_TITLE_ENDS = re.compile(r"</title>", re.IGNORECASE)
_HEADING = re.compile(r"^#{1,6}\s++(.*[^\s#])", re.MULTILINE)
_PASSWORD = re.compile(r"""<input[^>]{0,300}type\s*=\s*["']?password""", re.IGNORECASE)
_SITE = re.compile(r"\s+[-|–—·•:»]{1,2}\s")
_SHORT_PAGE_CHARACTERS = 400
"""Less text than this, in characters, is a short page; with a password field it is a login."""


def extract(data: bytes, name: str, content_type: str = "", charset: str | None = None) -> Loaded:
    """Read a web page as blocks, or a plain text. Raises `Refused` where there is nothing to read,
    and `RecursionError` for a page that is nested too deeply."""
    if is_binary(data):
        raise Refused(
            say("{name} is not text, so there is nothing to read in it.", name=name[:100])
        )
    text = decode(data, charset)
    page = is_html(data, content_type)
    found = _extract_page(text) if page else _extract_plain(text)
    if page and _PASSWORD.search(text) and _is_short(found):
        raise Refused(
            say("{name} asks for a password; pages behind a login cannot be read.", name=name[:100])
        )
    if not found.blocks and not found.text.strip():
        raise Refused(
            say(
                "{name} has no readable text; it may need a login, or be made of scripts alone.",
                name=name[:100],
            )
        )
    return found


def _is_short(found: Loaded) -> bool:
    return len(to_markdown(found.blocks)) < _SHORT_PAGE_CHARACTERS


def _extract_plain(text: str) -> Loaded:
    heading = _HEADING.search(text[:2000])
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    return Loaded(text, heading[1] if heading else "")


def _extract_page(text: str) -> Loaded:
    root = parse(text)
    if root is None:
        return Loaded()
    left_out: Counter[str] = Counter()
    part, furniture = find_content(root)
    blocks = blocks_of_tree(part, left_out, furniture)
    if not blocks:  # all of it is called like furniture
        blocks = blocks_of_tree(root, left_out)
    return Loaded(title=_title(text, blocks), blocks=blocks, left_out=list_left_out(left_out))


def _title(text: str, blocks: Sequence[Block]) -> str:
    """What the page calls itself, without the site's name behind it."""
    head = text[:100_000]
    begin = _TITLE.search(head)
    end = _TITLE_ENDS.search(head, begin.end()) if begin else None
    inside = head[begin.end() : end.start()] if begin and end else ""
    title = " ".join(html.unescape(inside).split())[:200]
    heading = first_heading(blocks)
    if heading and title.startswith(heading) and _SITE.match(title.removeprefix(heading)):
        return heading
    return title or heading[:200]
