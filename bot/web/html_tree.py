"""Parses HTML into a tree of lxml, and tells what a browser makes of its elements."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from bot.web.style_rules import apply_style_rules

_ENDS = re.compile(r"</(?:body|html)\s*+>", re.IGNORECASE)
"""The parser drops what stands behind these, and browsers show it."""
_XHTML = re.compile(r"\s*+<\?xml\b|[^>]{0,300}>?\s*+<html[^>]{0,300}?\sxmlns\s*=", re.IGNORECASE)
_CLOSED_IN_ITSELF = re.compile(r"<([A-Za-z][\w:.-]*)((?:\s[^<>]*)?)/>")
_VOID_TAGS = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
})  # fmt: skip
_INLINE_TAGS = re.compile(
    r"</?(?:font|span|b|i|u|em|strong|small|big|tt|center|a|nobr)(?:\s[^<>]*+)?>", re.IGNORECASE
)
_LONG_TAG = re.compile(r"<([A-Za-z][\w:.-]{0,40})[^<>]{5000,}>")
_MAX_ATTRIBUTES = 500
"""The parser looks at all attributes of an element for each of them."""
_HIDING_STYLE = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all)")
_SPOKEN_NAMES = re.compile(
    r"(?:^|[\s_-])(?:sr-only|visually-?hidden|screen-?reader(?:-text|-only)?|offscreen|"
    r"assistive-text)(?:$|[\s_])",
    re.IGNORECASE,
)
"""Classes of texts that are only spoken."""
_MARKED_NAMES = re.compile(
    r"(?:^|\s)(?:headerlink|header-anchor|hash-link|mw-editsection|material-icons(?:-\w+)?|"
    r"material-symbols-\w+|linenos?|line-?numbers?|linenodiv|gutter|hljs-ln-numbers|"
    r"lineno(?:s|special)?|back-?to-?top|footnote-backref|reversefootnote|katex-html)(?:$|\s)",
    re.IGNORECASE,
)
"""Classes of marks beside a text: links of headings to themselves, numbers of lines, icons."""
_TAGS_BY_ROLE = {
    "table": "table", "grid": "table", "row": "tr", "cell": "td", "gridcell": "td",
    "columnheader": "th", "rowheader": "th", "list": "ul", "listitem": "li",
}  # fmt: skip


def parse(html: str, sheets: Iterable[str] = ()) -> Any:
    """Return the root element of a document, or None for one without any.

    `sheets` are its style sheets besides those within it. Raises `RecursionError` where elements
    are nested too deeply.
    """
    html = _LONG_TAG.sub(_shorten, _ENDS.sub("", html))
    if _XHTML.match(html[:2_000]):
        html = _CLOSED_IN_ITSELF.sub(_close, html)
    root, whole = _parse_tree(html)
    if not whole:  # formatting that is never closed nests without an end
        root, whole = _parse_tree(_INLINE_TAGS.sub("", html))
    if not whole:
        raise RecursionError("HTML")
    if root is not None:
        apply_style_rules(root, sheets)
    return root


def _shorten(found: re.Match[str]) -> str:
    """A tag without its attributes where they are too many."""
    return (
        f"<{found[1]}>"
        if len(found[0].split(None, _MAX_ATTRIBUTES)) > _MAX_ATTRIBUTES
        else found[0]
    )


def _close(found: re.Match[str]) -> str:
    """An element of XHTML that closes itself, as HTML has it."""
    if found[1].lower() in _VOID_TAGS:
        return found[0]
    return f"<{found[1]}{found[2]}></{found[1]}>"


def _parse_tree(html: str) -> tuple[Any, bool]:
    from lxml import etree  # takes its time to import

    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True)
    data = html.encode("utf-8", errors="replace")
    root = etree.fromstring(data, parser) if data.strip() else None
    return root, all(entry.type_name != "ERR_RESOURCE_LIMIT" for entry in parser.error_log)


def walk(root: Any, *events: str) -> Any:
    """Iterate over (event, element) below an element; `skip_subtree()` passes over one."""
    from lxml import etree

    return etree.iterwalk(root, events=events)


def tag_of(element: Any) -> str:
    """The tag of an element as it is shown: without its namespace, and by its role where it has
    one of a table, a list or a heading; "" for comments."""
    tag = element.tag
    if not isinstance(tag, str):
        return ""
    tag = tag.rpartition(":")[2].lower()
    role = element.get("role")
    if role and tag in ("div", "span", "section", "p"):
        if role == "heading":
            level = element.get("aria-level", "")
            return f"h{level}" if level in {"1", "2", "3", "4", "5", "6"} else "h2"
        return _TAGS_BY_ROLE.get(role, tag)
    return tag


def names_of(element: Any) -> str:
    """The classes of an element."""
    return element.get("class") or ""


def style_of(element: Any) -> str:
    """The style that an element has for itself, in lower case."""
    return (element.get("style") or "").lower()


def is_hidden(element: Any) -> bool:
    """Whether a browser does not show an element, or it is a mark beside the text."""
    attributes = element.attrib
    if not attributes:
        return False
    hidden = attributes.get("hidden")
    if hidden is not None and hidden != "until-found" and attributes.get("role") != "tabpanel":
        return True
    style = attributes.get("style")
    if style and _HIDING_STYLE.search(style.lower()):
        return True
    names = attributes.get("class")
    if names and _MARKED_NAMES.search(names):
        return True
    if names and _SPOKEN_NAMES.search(names):
        return not _has_silent_twin(element)
    return attributes.get("aria-hidden") == "true" and (
        element.tag in ("img", "a", "svg") or _has_spoken_twin(element)
    )


def _has_silent_twin(element: Any) -> bool:
    """Whether a text that is only spoken stands for a shown one in many parts, as prices do."""
    around = element.getparent()
    return (
        around is not None
        and len(around) <= _MAX_TWINS
        and any(
            other is not element
            and other.get("aria-hidden") == "true"
            and "".join(other.itertext())
            for other in around
            if isinstance(other.tag, str)
        )
    )


def _has_spoken_twin(element: Any) -> bool:
    around = element.getparent()
    return (
        around is not None
        and len(around) <= _MAX_TWINS
        and any(
            other is not element and _SPOKEN_NAMES.search(names_of(other))
            for other in around
            if isinstance(other.tag, str)
        )
    )


_MAX_TWINS = 6
"""Elements beside each other among which twins are looked for."""
