"""Loads DOCX: mammoth converts it to HTML, and notes and comments are moved to their text."""

from __future__ import annotations

import io
import re
from typing import Any

from bot.errors import Refused
from bot.knowledge.loading.zip_safety import check_xml_depth, open_archive
from bot.skills.document_loader import Loaded, Loader, find_first_heading
from bot.web.markup import to_markdown

_STYLE_MAP = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => h2:fresh\nu => u"
_STYLE_MAP_WITH_COMMENTS = f"{_STYLE_MAP}\ncomment-reference => sup"
_NOTE_ID = re.compile(r"(?:foot|end)note-\d+")
_BACK_LINK = re.compile(r"#(?:footnote|endnote|comment)-ref-\d+")
_COMMENT_AUTHOR = re.compile(r"\[(.*)\]")
"""What mammoth shows for a comment: the initials of who wrote it, and its number."""
_HEADING_TAGS = ["h1", "h2", "h3", "h4", "h5", "h6"]
_BLOCK_TAGS = ["p", "li", *_HEADING_TAGS]


def _load_docx(data: bytes, name: str) -> Loaded:
    try:
        with open_archive(data, name, "a DOCX") as archive:
            check_xml_depth(archive, name)
        text = to_markdown(_html(data), links=True, change=_place_notes)
    except (Refused, RecursionError, MemoryError):
        raise
    # The libraries raise whatever their parsers do on a damaged file.
    except Exception as exc:
        raise Refused(f"{name[:100]} is damaged or not a DOCX, and cannot be read.") from exc
    if not text:
        raise Refused(f"{name[:100]} has no text.")
    return Loaded(text, find_first_heading(text))


def _html(data: bytes) -> str:
    import mammoth  # type: ignore[import-untyped]  # takes its time to import
    from markitdown.converter_utils.docx.pre_process import pre_process_docx

    stream = pre_process_docx(io.BytesIO(data))  # formulas become LaTeX
    described = mammoth.images.img_element(lambda image: {"src": ""})
    try:
        made = mammoth.convert_to_html(
            stream, style_map=_STYLE_MAP_WITH_COMMENTS, convert_image=described
        )
    except KeyError:  # a mark of a comment that is not there any more
        made = mammoth.convert_to_html(stream, style_map=_STYLE_MAP, convert_image=described)
    return str(made.value)


def _place_notes(root: Any) -> None:
    """Marks of notes become Markdown's, and comments stand below what they are about."""
    for link in root.find_all("a", href=_BACK_LINK):
        link.decompose()
    notes = root.find_all("li", id=_NOTE_ID)
    for number, note in enumerate(notes, 1):
        (note.find("p") or note).insert(0, f"[^{number}]: ")
        note.name = note.parent.name = "div"
    numbers = {f"#{note['id']}": number for number, note in enumerate(notes, 1)}
    comments = {f"#{term['id']}": term for term in root.find_all("dt", id=True)}
    for link in root.find_all("a", href=re.compile("^#")):
        if link["href"] in numbers:
            link.replace_with(f"[^{numbers[link['href']]}]")
        elif link["href"] in comments:
            _place_comment(link, comments[link["href"]].find_next_sibling("dd"))
        else:
            link.unwrap()
    for term in comments.values():
        if term.parent is not None:
            term.parent.decompose()
    for image in root.find_all("img", alt=True):
        image.replace_with(image["alt"])


def _place_comment(link: Any, text: Any) -> None:
    block = link.find_parent(_BLOCK_TAGS)
    by = _COMMENT_AUTHOR.fullmatch(link.get_text())
    link.decompose()
    if block is None or text is None:
        return
    name = by[1].rstrip("0123456789") if by else ""
    said = f"Comment ({name}): " if name else "Comment: "
    text.name = "p"
    text.string = said + " ".join(text.get_text(" ").split())
    if block.name in _HEADING_TAGS:
        block.insert_after(text.extract())
    else:  # within it, since what is inserted among many costs a look at each of them
        block.append(text.extract())


DOCX = Loader(
    "docx",
    frozenset({".docx"}),
    _load_docx,
    frozenset({"application/vnd.openxmlformats-officedocument.wordprocessingml.document"}),
)
