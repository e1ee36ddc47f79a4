"""Finds what of a web page is its text, and what stands around it: menus, banners, footers.

It takes away rather than picks out, so that what it does not know stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bot.web.html_tree import is_hidden, names_of, tag_of, walk

_FURNITURE_TAGS = frozenset({"nav", "footer"})
_FURNITURE_ROLES = frozenset(
    {"navigation", "banner", "contentinfo", "complementary", "search", "dialog", "alertdialog"}
)
_FURNITURE_NAMES = re.compile(
    r"(?:^|[\s_-])(?:cookies?|consent|gdpr|onetrust|didomi|cc-window|sidebar|breadcrumbs?|"
    r"skip-?(?:link|nav)|navbar|nav-?menu|site-?(?:nav|footer|header)|social|share|newsletter|"
    r"pagination|related|recommended|advert(?:isement)?|comments|prev-?next|page-?nav)(?:$|[\s_-])|"
    r"(?:^|\s)(?:page-?)?footer(?:$|\s)",
    re.IGNORECASE,
)
_NAMED_TAGS = frozenset(
    {"div", "section", "aside", "header", "nav", "ul", "ol", "form", "p", "span", "dl"}
)
_WRAPPERS = frozenset(
    {"body", "div", "section", "article", "main", "center", "form", "table", "tbody", "tr", "td"}
)
_UNSEEN_TAGS = frozenset(
    {"script", "style", "noscript", "template", "head", "select", "button", "svg", "dialog"}
)
_HEADING_TAGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_COOKIES = re.compile(r"\bcookies?\b", re.IGNORECASE)
_MAX_BANNER_CHARACTERS = 1_200
_MAX_LINK_SHARE = 0.35
"""Part of a text that may be links; a list of links has more."""
_MENU_LINK_SHARE = 0.6
_CORE_SHARE = 0.8
"""Part of a page's text that its innermost part must have."""
_MAX_FURNITURE_SHARE = 0.5
"""What has more of a page's text is no furniture, whatever it is called."""


@dataclass(slots=True)
class _Size:
    """The letters that an element shows, those in links, and its links."""

    letters: int = 0
    linked: int = 0
    links: int = 0
    inner_links: int = 0
    has_h1: bool = False
    has_control: bool = False

    @property
    def own(self) -> int:
        """Letters that are no links."""
        return self.letters - self.linked

    @property
    def is_menu(self) -> bool:
        """Whether this is a list of links."""
        return self.links > 1 and self.linked > _MENU_LINK_SHARE * self.letters

    def take(self, inner: _Size) -> None:
        """Add what an element within this one has."""
        self.letters += inner.letters
        self.linked += inner.linked
        self.links += inner.links
        self.inner_links += inner.inner_links
        self.has_h1 |= inner.has_h1
        self.has_control |= inner.has_control


def find_content(root: Any) -> tuple[Any, set[Any]]:
    """Return the element that has a page's text, and the elements in it that are furniture."""
    body = next(iter(root.iterchildren("body")), root)
    skipped: set[Any] = set()
    sizes = _measure(body, skipped)
    main = max(
        (el for el in sizes if tag_of(el) == "main" or el.get("role") == "main"),
        key=lambda element: sizes[element].letters,
        default=None,
    )
    if main is not None and not sizes[main].letters:
        main = None
    around = body if main is None else main
    _skip_furniture(around, sizes, skipped)
    sizes = _measure(around, skipped)
    if main is not None:
        articles = [el for el in sizes if el.tag == "article"]
        for part in (main, *(articles if len(articles) == 1 else ())):
            if sizes[part].letters > 0 and (
                sizes[part].linked <= _MAX_LINK_SHARE * sizes[part].letters
            ):
                _skip_contents(part, sizes, skipped)
                return part, skipped
    _skip_menus(around, sizes, skipped)
    _skip_contents(around, sizes, skipped)
    return around, skipped


def _measure(root: Any, skipped: set[Any]) -> dict[Any, _Size]:
    """The sizes of all elements that are shown, in the order of their beginnings."""
    sizes: dict[Any, _Size] = {}
    path: list[_Size] = []
    links = 0
    walked = walk(root, "start", "end")
    for event, element in walked:
        tag = tag_of(element)
        if event == "start":
            links += tag == "a"
            size = _Size(has_h1=tag == "h1", has_control=tag in ("button", "input", "a"))
            path.append(size)
            if element in skipped or tag in _UNSEEN_TAGS or is_hidden(element):
                size.has_control = tag == "button"
                walked.skip_subtree()
                continue
            sizes[element] = size
            _count(size, element.text, in_link=links > 0)
            continue
        links -= tag == "a"
        size = path.pop()
        if tag == "a" and size.letters:
            size.links += 1
            size.inner_links += (element.get("href") or "").startswith("#")
        if path:
            path[-1].take(size)
            _count(path[-1], element.tail, in_link=links > 0)
    return sizes


def _count(size: _Size, text: str | None, *, in_link: bool) -> None:
    letters = len("".join(text.split())) if text else 0
    size.letters += letters
    size.linked += letters if in_link else 0


def _skip_furniture(root: Any, sizes: dict[Any, _Size], skipped: set[Any]) -> None:
    """What is furniture by its own word."""
    most = _MAX_FURNITURE_SHARE * sizes[root].own
    inside: list[Any] = []  # the sections around this place
    for element in _walk_sections(root, inside):
        if element is root or element not in sizes:
            continue
        tag, size = tag_of(element), sizes[element]
        if tag == "header":
            furniture = not size.has_h1 and len(inside) < 2
        else:
            furniture = tag in _FURNITURE_TAGS or element.get("role") in _FURNITURE_ROLES
            furniture = furniture or (tag == "aside" and (size.is_menu or len(inside) < 2))
            furniture = furniture or (tag in _NAMED_TAGS and _is_named_furniture(element))
        if furniture and size.own <= most:
            skipped.add(element)


def _walk_sections(root: Any, inside: list[Any]) -> Iterator[Any]:
    """All elements, while `inside` has those around each that make a section of a text."""
    for event, element in walk(root, "start", "end"):
        section = element is root or tag_of(element) in ("article", "main", "section")
        if event == "start":
            yield element
            if section:
                inside.append(element)
                if element is root and tag_of(element) in ("article", "main"):
                    inside.append(element)
        elif section:
            inside.pop()


def _is_named_furniture(element: Any) -> bool:
    """Whether an element is called like furniture; not by an id that is made of its heading."""
    if _FURNITURE_NAMES.search(names_of(element)):
        return True
    called = element.get("id") or ""
    if not _FURNITURE_NAMES.search(called):
        return False
    first = next((part for part in element if tag_of(part) in _HEADING_TAGS), None)
    return first is None or _slug(called) not in _slug("".join(first.itertext()))


def _slug(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))


def _skip_menus(root: Any, sizes: dict[Any, _Size], skipped: set[Any]) -> None:
    """Lists of links and banners around the part that has most of the text."""
    core = root
    while (inner := _largest_part(core, sizes, _CORE_SHARE * sizes[root].own)) is not None:
        for part in core:
            if part is not inner and part in sizes:
                _skip_around(part, sizes, skipped)
        core = inner
    parts = [part for part in core if part in sizes and sizes[part].letters]
    for direction in (parts, parts[::-1]):
        for at, part in enumerate(direction):
            follows = direction[at + 1] if at + 1 < len(direction) else None
            headed = (
                direction is not parts
                and follows is not None
                and (tag_of(follows) in _HEADING_TAGS)
            )
            if headed or sizes[part].has_h1 or not _is_around(part, sizes):
                break
            skipped.add(part)


def _largest_part(core: Any, sizes: dict[Any, _Size], least: float) -> Any:
    """The part that has more than the `least` letters of the text by itself, or None."""
    for part in core:
        if part in sizes and tag_of(part) in _WRAPPERS and sizes[part].own > least:
            return part
    return None


def _skip_around(part: Any, sizes: dict[Any, _Size], skipped: set[Any]) -> None:
    """Menus within what stands beside the text."""
    walked = walk(part, "start")
    for _, element in walked:
        if element in sizes and _is_around(element, sizes):
            skipped.add(element)
            walked.skip_subtree()


def _is_around(element: Any, sizes: dict[Any, _Size]) -> bool:
    size = sizes[element]
    if size.is_menu:
        return not size.has_h1
    if not size.has_control or size.letters > _MAX_BANNER_CHARACTERS or size.has_h1:
        return False
    return tag_of(element) in _NAMED_TAGS and bool(_COOKIES.search("".join(element.itertext())))


def _skip_contents(root: Any, sizes: dict[Any, _Size], skipped: set[Any]) -> None:
    """Tables of contents, which say the headings of the page again."""
    headings: set[str] = set()
    for element in sizes:
        if tag_of(element) in _HEADING_TAGS:
            headings.add(_slug("".join(element.itertext())))
    walked = walk(root, "start")
    for _, element in walked:
        size = sizes.get(element)
        if size is None or element is root or size.links < 3 or size.inner_links < size.links:
            continue
        if size.linked < _MENU_LINK_SHARE * size.letters:
            continue
        said = [_slug("".join(link.itertext())) for link in element.iter("a")]
        if sum(text in headings for text in said) > 0.7 * len(said):
            skipped.add(element)
        walked.skip_subtree()
