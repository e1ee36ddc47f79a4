"""Converts HTML to Markdown as a whole: for books."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from bot.web.html_tables import normalize_tables

_DROPPED_TAGS = (
    "script", "style", "noscript", "template", "svg", "iframe", "object", "button", "dialog",
    "select", "textarea", "title",
)  # fmt: skip
_ANCHORS = frozenset({"¶", "#", "§", "🔗", "[edit]"})
"""Links of headings to themselves."""
_MAX_TERMS = 2_000
"""A page with more of these is read as it stands: each is looked for among all the others."""
_MAX_NUMBERED_ITEMS = 500
"""The converter counts all items before each; those of longer lists are numbered here."""
_LANGUAGE = re.compile(r"\b(?:language|lang|highlight|brush)[-:]\s*([\w+#-]+)")


def to_markdown(
    html: str, *, links: bool = False, change: Callable[[Any], None] | None = None
) -> str:
    """A whole document as Markdown: a chapter of a book. `change` may change the parsed tree (of
    Beautiful Soup) before it is written; where `links` is set they keep their addresses."""
    root = _parse(html)
    if change is not None:
        change(root)
    return _convert(root, links=links)


def _parse(html: str) -> Any:
    from bs4 import BeautifulSoup  # takes its time to import, so only where HTML is read

    soup = BeautifulSoup(html, "lxml")
    _remove(soup.find_all(_DROPPED_TAGS))
    _remove([link for link in soup.find_all("a") if link.get_text(strip=True) in _ANCHORS])
    return soup  # not its body: where that has no tag of its own, the parser may not find its start


def _convert(root: Any, *, links: bool) -> str:
    normalize_tables(root)
    _number_items(root)
    _name_terms(root)
    text = _converter(links).convert_soup(root)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"(?<![ \t])[ \t]++\n", "\n", text)).strip()


def _remove(tags: Any) -> None:
    for tag in tags:
        if not tag.decomposed:
            tag.decompose()


def _number_items(root: Any) -> None:
    for listed in root.find_all("ol"):
        items = listed.find_all("li", recursive=False)
        if len(items) > _MAX_NUMBERED_ITEMS:
            given = str(listed.get("start", ""))
            first = int(given) if given.isdecimal() and len(given) < 9 else 1
            for number, item in enumerate(items, first):
                item.insert(0, f"{number}. ")
            listed.name = "ul"


def _name_terms(root: Any) -> None:
    """A definition stands beside its term, as `Term: definition` in a list."""
    for listed in root.find_all("dl"):
        listed.name = "ul"
        item = None
        terms = listed.find_all(["dt", "dd"])
        for tag in terms if len(terms) <= _MAX_TERMS else ():
            if tag.name == "dt" or item is None:
                item = tag
                tag.name = "li"
                if tag.find_next_sibling("dd"):
                    tag.append(":")
            else:
                item.append(" ")
                tag.name = "span"
                item.append(tag.extract())


def _converter(links: bool) -> Any:
    from markdownify import ATX, MarkdownConverter

    return MarkdownConverter(
        heading_style=ATX,
        bullets="-",
        strip=["img"] if links else ["a", "img"],
        table_infer_header=True,
        escape_asterisks=False,
        escape_underscores=False,
        escape_misc=False,
        code_language_callback=_code_language,
    )


def _code_language(pre: Any) -> str:
    code = pre.find("code")
    classes = [*pre.get("class", []), *(code.get("class", []) if code else [])]
    found = _LANGUAGE.search(" ".join(classes))
    return found[1] if found else ""
