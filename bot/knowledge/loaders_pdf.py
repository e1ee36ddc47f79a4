"""PDF, with pypdf: text with its headings and tables; scanned pages have none."""

from __future__ import annotations

import io
import re

from bot.errors import Refused
from bot.knowledge.loader import Loaded, Loader, opening_heading
from bot.knowledge.pdf_layout import markdown
from bot.knowledge.pdf_lines import Line, PageLines

_PAGES = 3_000
_CHARACTERS = 20_000_000
_SOFT_HYPHEN = re.compile(r"(?<=\w)\xad(?=\w)")
"""Within a line it is a hyphen: fonts draw both alike, so that some programs write one for both."""
_NO_TITLE = re.compile(
    r"|untitled|(?:powerpoint[- ])?presentation|document\d*"
    r"|(?:microsoft )?(?:word|excel|powerpoint) - .*"
    r"|.*\.(?:docx?|pptx?|xlsx?|tex|dvi|odt|indd|qxd|rtf|pdf|html?|md)",
    re.IGNORECASE,
)
"""What programs write where nobody gave a title."""


def _pdf(data: bytes, name: str) -> Loaded:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    called = name[:100]
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Refused(f"{called} is encrypted; save it without a password and add it again.")
        pages = len(reader.pages)
        if pages > _PAGES:
            raise Refused(f"{called} has {pages:,} pages; PDFs of up to {_PAGES:,} are read.")
        lines: list[list[Line]] = []
        length = 0
        for number, page in enumerate(reader.pages):
            box = page.mediabox
            found = PageLines(
                number, (float(box.left), float(box.bottom), float(box.right), float(box.top))
            )
            length += len(page.extract_text(visitor_text=found.add) or "")
            if length > _CHARACTERS:
                raise Refused(f"{called} has too much text to be read; split it.")
            lines.append(found.lines)
        title = str((reader.metadata.title if reader.metadata else None) or "")
    except Refused:
        raise
    # A damaged file can break pypdf anywhere, in as many ways as there are kinds of damage.
    except (PyPdfError, ValueError, TypeError, KeyError, AttributeError, IndexError) as exc:
        raise Refused(f"{called} is damaged or not a PDF, and cannot be read.") from exc
    except (NotImplementedError, OSError, RecursionError, AssertionError, ArithmeticError) as exc:
        raise Refused(f"{called} uses a part of PDF that cannot be read.") from exc
    except ImportError as exc:  # AES needs a package that is not always there
        raise Refused(
            f"{called} is encrypted; save it without a password and add it again."
        ) from exc
    text = _SOFT_HYPHEN.sub("-", markdown(lines)).replace("\xad", "")
    if not text:
        raise Refused(
            f"{called} has no text and seems to be a scan; have its text recognised (OCR) and add "
            "it again."
        )
    title = " ".join(title.split())[:200]
    return Loaded(text, opening_heading(text) if _NO_TITLE.fullmatch(title) else title)


PDF = Loader("pdf", frozenset({".pdf"}), _pdf, frozenset({"application/pdf"}))
