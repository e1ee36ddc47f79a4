"""Refuses formats that are not read, and says as what to save a file of one.

No library reads them without changing what they say: numbers of lists and formats of cells get
lost. A newer document under an old name is read.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.knowledge.loading.late_load import late_load
from bot.skills.document_loader import Loaded, Loader

_LOADS = {
    "DOCX": late_load("office.docx", "load_docx"),
    "XLSX": late_load("office.xlsx", "load_xlsx"),
    "PPTX": late_load("office.pptx", "load_pptx"),
}
_NEW_FORMATS = {
    ".doc": "DOCX", ".odt": "DOCX", ".ott": "DOCX", ".fodt": "DOCX",
    ".rtf": "DOCX",
    ".xls": "XLSX", ".xlt": "XLSX", ".xlsb": "XLSX", ".ods": "XLSX", ".fods": "XLSX",
    ".ppt": "PPTX", ".pps": "PPTX", ".odp": "PPTX", ".fodp": "PPTX",
}  # fmt: skip
_OLD_NAMES = frozenset({".doc", ".xls", ".ppt", ".pps", ".xlt"})
_TYPES = frozenset({"application/rtf", "text/rtf", "application/vnd.oasis.opendocument.text"})
"""Those of Microsoft's old formats come with newer documents and with CSV, too."""


def _refuse(data: bytes, name: str) -> Loaded:
    suffix = PurePosixPath(name).suffix.lower()
    kind = _NEW_FORMATS.get(suffix, "DOCX")
    if suffix in _OLD_NAMES and data.startswith(b"PK\x03\x04"):
        return _LOADS[kind](data, name)
    raise Refused(
        say(
            "{name} is in a format that is not read; save it as {kind} and add it again.",
            name=name[:100],
            kind=kind,
        )
    )


OLD_FORMATS = Loader("old formats", frozenset(_NEW_FORMATS), _refuse, _TYPES)
