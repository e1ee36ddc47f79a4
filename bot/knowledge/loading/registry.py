"""The loaders that ship, and how one is chosen. Plugins can add more with `register_loaders`.

loader = find(loaders, "report.pdf", "application/pdf")
loaded = loader.load(data, "report.pdf")  # in the process of `loading.child`
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from bot.knowledge.loading.late_load import late_load
from bot.knowledge.loading.office.old_formats import OLD_FORMATS
from bot.knowledge.loading.text_formats import (
    LANGUAGES_BY_NAME,
    LANGUAGES_BY_SUFFIX,
    MARKDOWN_SUFFIXES,
    MARKDOWN_TYPES,
    MARKUP_SUFFIXES,
    TEXT_FILE_NAMES,
)
from bot.skills.document_loader import Loaded, Loader

LOADERS_VERSION = 4
"""The version of the loaders' output. Raise it whenever the blocks of any format change: the
next sync then reads all documents again."""

_NAMES_WITH_VARIANTS = frozenset({"dockerfile", "containerfile", "makefile", "jenkinsfile"})
"""Names that may have a suffix: `Dockerfile.dev`, `Makefile.am`."""


def _load_page(data: bytes, name: str) -> Loaded:
    from bot.web.extract import extract

    return extract(data, name, "text/html")


TEXT = Loader(
    "text",
    frozenset({*MARKDOWN_SUFFIXES, *MARKUP_SUFFIXES, ".txt", ".text", ".log", ""}),
    late_load("text", "load_text"),
    frozenset({"text/plain", *MARKDOWN_TYPES}),
    names=TEXT_FILE_NAMES,
)
PAGE = Loader(
    "page",
    frozenset({".html", ".htm", ".xhtml"}),
    _load_page,
    frozenset({"text/html", "application/xhtml+xml"}),
)
PDF = Loader(
    "pdf",
    frozenset({".pdf"}),
    late_load("pdf.document", "load_pdf"),
    frozenset({"application/pdf"}),
)
DOCX = Loader(
    "docx",
    frozenset({".docx", ".docm", ".dotx"}),
    late_load("office.docx", "load_docx"),
    frozenset({"application/vnd.openxmlformats-officedocument.wordprocessingml.document"}),
)
PPTX = Loader(
    "pptx",
    frozenset({".pptx", ".pptm", ".ppsx"}),
    late_load("office.pptx", "load_pptx"),
    frozenset({"application/vnd.openxmlformats-officedocument.presentationml.presentation"}),
)
EPUB = Loader(
    "epub",
    frozenset({".epub"}),
    late_load("office.epub", "load_epub"),
    frozenset({"application/epub+zip"}),
)
XLSX = Loader(
    "xlsx",
    frozenset({".xlsx", ".xlsm", ".xltx"}),
    late_load("office.xlsx", "load_xlsx"),
    frozenset({"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}),
)
CSV = Loader(
    "csv",
    frozenset({".csv", ".tsv"}),
    late_load("csv_table", "load_csv"),
    frozenset({"text/csv", "text/tab-separated-values"}),
)
MAIL = Loader(
    "mail", frozenset({".eml"}), late_load("mail", "load_mail"), frozenset({"message/rfc822"})
)
OUTLOOK = Loader(
    "outlook",
    frozenset({".msg"}),
    late_load("mail", "refuse_outlook"),
    frozenset({"application/vnd.ms-outlook"}),
)
NOTEBOOK = Loader(
    "notebook",
    frozenset({".ipynb"}),
    late_load("notebook", "load_notebook"),
    frozenset({"application/x-ipynb+json"}),
)
CODE = Loader(
    "code",
    frozenset(LANGUAGES_BY_SUFFIX),
    late_load("text", "load_code"),
    frozenset({"application/json", "application/x-yaml", "application/xml", "text/css"}),
    names=frozenset(LANGUAGES_BY_NAME),
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
