"""The loaders that ship, and how one is chosen. Plugins can add more with `register_loaders`.

loader = find(loaders, "report.pdf", "application/pdf")
loaded = loader.load(data, "report.pdf")  # in the process of `loading.child`
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from bot.knowledge.loading.csv_table import CSV
from bot.knowledge.loading.mail import MAIL, OUTLOOK
from bot.knowledge.loading.notebook import NOTEBOOK
from bot.knowledge.loading.office.docx import DOCX
from bot.knowledge.loading.office.epub import EPUB
from bot.knowledge.loading.office.old_formats import OLD_FORMATS
from bot.knowledge.loading.office.pptx import PPTX
from bot.knowledge.loading.office.xlsx import XLSX
from bot.knowledge.loading.pdf.document import PDF
from bot.knowledge.loading.text import CODE, TEXT
from bot.skills.document_loader import Loaded, Loader
from bot.web.extract import extract

LOADERS_VERSION = 4
"""The version of the loaders' output. Raise it whenever the blocks of any format change: the
next sync then reads all documents again."""

_NAMES_WITH_VARIANTS = frozenset({"dockerfile", "containerfile", "makefile", "jenkinsfile"})
"""Names that may have a suffix: `Dockerfile.dev`, `Makefile.am`."""


def _load_page(data: bytes, name: str) -> Loaded:
    return extract(data, name, "text/html")


PAGE = Loader(
    "page",
    frozenset({".html", ".htm", ".xhtml"}),
    _load_page,
    frozenset({"text/html", "application/xhtml+xml"}),
)
LOADERS: tuple[Loader, ...] = (
    TEXT,
    PAGE,
    PDF,
    DOCX,
    PPTX,
    EPUB,
    XLSX,
    CSV,
    MAIL,
    OUTLOOK,
    NOTEBOOK,
    OLD_FORMATS,
    CODE,
)
"""Every loader that ships."""


def find_loader(loaders: Sequence[Loader], name: str, content_type: str = "") -> Loader | None:
    """Returns the loader of a document by its content type, else by its name, or None.

    The first match wins; loaders of plugins come first, so they can replace those that ship.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if content_type and content_type not in ("application/octet-stream", "text/plain"):
        for loader in loaders:
            if content_type in loader.content_types:
                return loader
    if suffix not in _suffixes(loaders):
        called = _listed_name(name)
        for loader in loaders:
            if called in loader.names:
                return loader
    for loader in loaders:
        if suffix in loader.suffixes and (suffix or not content_type):
            return loader
    return next((loader for loader in loaders if content_type in loader.content_types), None)


def _listed_name(name: str) -> str:
    """Returns the name of a file in the form in which loaders list names."""
    name = PurePosixPath(name).name.lower()
    stem = name.partition(".")[0]
    return stem if stem in _NAMES_WITH_VARIANTS else name


def _suffixes(loaders: Sequence[Loader]) -> frozenset[str]:
    return frozenset().union(*(loader.suffixes for loader in loaders)) - {""}


def name_filter(loaders: Sequence[Loader]) -> Callable[[str], bool]:
    """Returns a test of file names: whether a file in a folder is read.

    Files without a suffix are read only if they have a well-known name; `.env` files are not read.
    """
    suffixes = _suffixes(loaders) - {".env"}
    names = frozenset().union(*(loader.names for loader in loaders))
    return lambda name: (
        PurePosixPath(name).suffix.lower() in suffixes or _listed_name(name) in names
    )
