"""Loads PDF with pypdf: text with headings and tables. Scanned pages have no text."""

from __future__ import annotations

import io
import re
from typing import Any

from bot.errors import Refused
from bot.knowledge.loading.pdf_layout import lines_to_markdown
from bot.knowledge.loading.pdf_lines import Line, PageLines
from bot.knowledge.loading.zip_safety import exceeds_unpacked_limit
from bot.skills.document_loader import MAX_CHARACTERS, Loaded, Loader, TooLong, find_first_heading

_MAX_PAGES = 3_000
_SOFT_HYPHEN = re.compile(r"(?<=\w)\xad(?=\w)")
"""Within a line it is a hyphen: fonts draw both alike, so that some programs write one for both."""
_PLACEHOLDER_TITLE = re.compile(
    r"|untitled|(?:powerpoint[- ])?presentation|document\d*"
    r"|(?:microsoft )?(?:word|excel|powerpoint) - .*"
    r"|.*\.(?:docx?|pptx?|xlsx?|tex|dvi|odt|indd|qxd|rtf|pdf|html?|md)",
    re.IGNORECASE,
)
"""Titles that programs write when nobody gave one."""


def _load_pdf(data: bytes, name: str) -> Loaded:
    from pypdf import PdfReader
    from pypdf.errors import LimitReachedError, PyPdfError

    called = name[:100]
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Refused(f"{called} is encrypted; save it without a password and add it again.")
        pages = len(reader.pages)
        if pages > _MAX_PAGES:
            raise Refused(f"{called} has {pages:,} pages; PDFs of up to {_MAX_PAGES:,} are read.")
        lines = _read_lines(reader, name, len(data))
        title = str((reader.metadata.title if reader.metadata else None) or "")
    except Refused:
        raise
    except LimitReachedError as exc:  # pypdf's own, of one stream
        raise Refused(f"{called} is too large to be read.") from exc
    # A damaged file can break pypdf anywhere, in as many ways as there are kinds of damage.
    except (PyPdfError, ValueError, TypeError, KeyError, AttributeError, IndexError) as exc:
        raise Refused(f"{called} is damaged or not a PDF, and cannot be read.") from exc
    except (NotImplementedError, OSError, RecursionError, AssertionError, ArithmeticError) as exc:
        raise Refused(f"{called} uses a part of PDF that cannot be read.") from exc
    text = _SOFT_HYPHEN.sub("-", lines_to_markdown(lines)).replace("\xad", "")
    if not text:
        raise Refused(
            f"{called} has no text and seems to be a scan; have its text recognised (OCR) and add "
            "it again."
        )
    title = " ".join(title.split())[:200]
    return Loaded(text, find_first_heading(text) if _PLACEHOLDER_TITLE.fullmatch(title) else title)


def _read_lines(reader: Any, name: str, size: int) -> list[list[Line]]:
    """Returns the lines of each page; pages with the same content as an earlier one are skipped."""
    lines: list[list[Line]] = []
    drawn: set[tuple[str, ...]] = set()
    length = unfolded = 0
    for number, page in enumerate(reader.pages):
        same = _content_key(page)
        if same in drawn:
            continue
        drawn.add(same)
        contents = page.get_contents()
        unfolded += len(contents.get_data()) if contents is not None else 0
        if exceeds_unpacked_limit(unfolded, size):
            raise Refused(
                f"{name[:100]} unpacks to far more than a document would, so it is not read."
            )
        box = page.mediabox
        found = PageLines(
            number, (float(box.left), float(box.bottom), float(box.right), float(box.top))
        )
        length += len(page.extract_text(visitor_text=found.add) or "")
        if length > MAX_CHARACTERS:
            raise TooLong(name)
        lines.append(found.lines)
    return lines


def _content_key(page: Any) -> tuple[str, ...]:
    """Identifies the content of a page by the object numbers of its streams and resources."""
    keys = ("/Contents", "/Resources")
    return tuple(repr(page.raw_get(key)) if key in page else "" for key in keys)


PDF = Loader("pdf", frozenset({".pdf"}), _load_pdf, frozenset({"application/pdf"}))
