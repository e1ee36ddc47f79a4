"""Refuses formats that are not read, and says as what to save a file of one.

No library reads them without changing what they say: numbers of lists and formats of cells get
lost. A newer document under an old name is read.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.knowledge.loading.office.docx import DOCX
from bot.knowledge.loading.office.pptx import PPTX
from bot.knowledge.loading.office.xlsx import XLSX
from bot.skills.document_loader import Loaded, Loader

_TEXTS, _SHEETS, _SLIDES = (DOCX, "DOCX"), (XLSX, "XLSX"), (PPTX, "PPTX")
_NEW_FORMATS = {
    ".doc": _TEXTS, ".odt": _TEXTS, ".ott": _TEXTS, ".fodt": _TEXTS,
    ".rtf": _TEXTS,
    ".xls": _SHEETS, ".xlt": _SHEETS, ".xlsb": _SHEETS, ".ods": _SHEETS, ".fods": _SHEETS,
    ".ppt": _SLIDES, ".pps": _SLIDES, ".odp": _SLIDES, ".fodp": _SLIDES,
}  # fmt: skip
_OLD_NAMES = frozenset({".doc", ".xls", ".ppt", ".pps", ".xlt"})
_TYPES = frozenset({"application/rtf", "text/rtf", "application/vnd.oasis.opendocument.text"})
"""Those of Microsoft's old formats come with newer documents and with CSV, too."""


def _refuse(data: bytes, name: str) -> Loaded:
    suffix = PurePosixPath(name).suffix.lower()
    loader, kind = _NEW_FORMATS.get(suffix, _TEXTS)
    if suffix in _OLD_NAMES and data.startswith(b"PK\x03\x04"):
        return loader.load(data, name)
    raise Refused(
        say(
            "{name} is in a format that is not read; save it as {kind} and add it again.",
            name=name[:100],
            kind=kind,
        )
    )


OLD_FORMATS = Loader("old formats", frozenset(_NEW_FORMATS), _refuse, _TYPES)
