"""Converts HTML to Markdown as a whole: for books and short pages.

What stands around a page's text by its own word (`nav`, `footer`, a cookie banner) is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from bot.web.html_tables import normalize_tables

_DROPPED_TAGS = (
    "script", "style", "noscript", "template", "svg", "iframe", "object", "button", "dialog",
    "select", "textarea", "title",
)  # fmt: skip
_FURNITURE_TAGS = ("nav", "footer", "aside")
_FURNITURE_ROLES = frozenset(
    {"navigation", "banner", "contentinfo", "complementary", "search", "dialog", "alertdialog"}
)
_FURNITURE_NAMES = re.compile(
    r"(?:^|[\s_-])(?:cookies?|consent|gdpr|sidebar|breadcrumbs?|skip-?(?:link|nav)|navbar|"
    r"nav-?menu|site-?(?:nav|footer|header)|social|share|newsletter|pagination|related|recommended|advert(?:isement)?|comments)(?:$|[\s_-])",
    re.IGNORECASE,
)
_ANCHORS = frozenset({"¶", "#", "§", "🔗", "[edit]"})
"""Links of headings to themselves."""
_MAX_LINK_SHARE = 0.35
"""Part of a text that may be links; a list of links has more."""
_MAX_HEADERS = 40
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


def readable_part(html: str) -> str:
    """A page as Markdown without what stands around its text."""
    root = _parse(html)
    return _convert(_main(root) or root, furniture=False)


def marked_part(html: str) -> str:
    """What a page itself marks as its text (`main`), where that is text and not a list of links;
    else nothing."""
    main = _main(_parse(html))
    if main is None:
        return ""
    _remove(_furniture(main))
    articles = main.find_all("article")
    for part in (main, *(articles if len(articles) == 1 else ())):
        letters = len(part.get_text("", strip=True))
        linked = sum(len(link.get_text("", strip=True)) for link in part.find_all("a"))
        if letters and linked <= _MAX_LINK_SHARE * letters:
            return _convert(part)
    return ""


def _parse(html: str) -> Any:
    from bs4 import BeautifulSoup  # takes its time to import, so only where HTML is read

    soup = BeautifulSoup(html, "lxml")
    _remove(soup.find_all(_DROPPED_TAGS))
    _remove([link for link in soup.find_all("a") if link.get_text(strip=True) in _ANCHORS])
    return soup  # not its body: where that has no tag of its own, the parser may not find its start


def _main(root: Any) -> Any:
    mains = root.select("main, [role=main]")
    return mains[0] if mains and mains[0].get_text(strip=True) else None


def _convert(root: Any, *, furniture: bool = True, links: bool = False) -> str:
    if not furniture:
        _remove(_furniture(root))
    normalize_tables(root)
    _number_items(root)
    _name_terms(root)
    text = _converter(links).convert_soup(root)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"(?<![ \t])[ \t]++\n", "\n", text)).strip()


def _remove(tags: Any) -> None:
    for tag in tags:
        if not tag.decomposed:
            tag.decompose()


def _furniture(root: Any) -> list[Any]:
    headers = root.find_all("header")
    if len(headers) > _MAX_HEADERS:
        headers = []
    around = [
        tag
        for tag in headers
        if tag.find_parent(["article", "main", "section"]) is None and not tag.find("h1")
    ]
    return [*around, *(tag for tag in root.find_all(True) if _is_furniture(tag))]


def _is_furniture(tag: Any) -> bool:
    if tag.name in _FURNITURE_TAGS or tag.has_attr("hidden") or tag.get("aria-hidden") == "true":
        return True
    names = " ".join([*tag.get("class", []), str(tag.get("id", ""))])
    return tag.get("role") in _FURNITURE_ROLES or bool(_FURNITURE_NAMES.search(names))


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
