"""PDF, with pypdf: text only; scanned pages have none."""

from __future__ import annotations

import io
import re

from bot.errors import Refused
from bot.knowledge.loader import Loaded, Loader

_PAGES = 3_000
_CHARACTERS = 20_000_000


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
        texts: list[str] = []
        length = 0
        for page in reader.pages:
            text = _tidy(page.extract_text() or "")
            length += len(text)
            if length > _CHARACTERS:
                raise Refused(f"{called} has too much text to be read; split it.")
            texts.append(text)
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
    text = "\n\n".join(part for part in texts if part)
    if not text:
        raise Refused(f"{called} has no text; it may be a scan, which is not read.")
    return Loaded(text, " ".join(title.split())[:200])


def _tidy(page: str) -> str:
    """Lines that only wrap become one; words that a line end cut are joined."""
    page = re.sub(r"(?<=[a-zà-ÿ])-\n(?=[a-zà-ÿ])", "", page.replace("\r\n", "\n"))
    page = re.sub(r"[ \t]+\n", "\n", page)
    lines = page.split("\n")
    longest = max((len(line) for line in lines), default=0)
    joined: list[str] = []
    for line in lines:
        wraps = joined and joined[-1] and len(joined[-1].rsplit("\n", 1)[-1]) > 0.6 * longest
        if line and wraps and not joined[-1].endswith((".", ":", "!", "?")):
            joined[-1] += " " + line.strip()
        else:
            joined.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(joined)).strip()


PDF = Loader("pdf", frozenset({".pdf"}), _pdf, frozenset({"application/pdf"}))
