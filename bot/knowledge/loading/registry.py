"""The loaders that ship, and how one is chosen. Plugins can add more with `register_loaders`.

loader = find(loaders, "report.pdf", "application/pdf")
loaded = loader.load(data, "report.pdf")  # in the process of `loading.child`
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from bot.knowledge.loading.notebook import NOTEBOOK
from bot.knowledge.loading.office import OFFICE
from bot.knowledge.loading.pdf import PDF
from bot.knowledge.loading.spreadsheet import CSV, XLSX
from bot.skills.document_loader import Loaded, Loader
from bot.skills.document_tree import fence_code
from bot.web.decoding import decode, is_binary
from bot.web.extract import extract

LOADERS_VERSION = 2
"""The version of the loaders' output. Raise it whenever the Markdown of any format changes: the
next sync then reads all documents again."""

_LANGUAGES_BY_SUFFIX = {
    ".py": "python", ".pyi": "python", ".js": "javascript", ".mjs": "javascript",
    ".jsx": "jsx", ".ts": "typescript", ".tsx": "tsx", ".go": "go", ".rs": "rust", ".c": "c",
    ".h": "c", ".cc": "cpp", ".cpp": "cpp", ".hpp": "cpp", ".cs": "csharp", ".java": "java",
    ".kt": "kotlin", ".swift": "swift", ".rb": "ruby", ".php": "php", ".pl": "perl", ".lua": "lua",
    ".r": "r", ".jl": "julia", ".scala": "scala", ".hs": "haskell", ".ex": "elixir",
    ".erl": "erlang", ".clj": "clojure", ".sh": "bash", ".bash": "bash", ".zsh": "zsh",
    ".fish": "fish", ".ps1": "powershell", ".sql": "sql", ".graphql": "graphql",
    ".proto": "protobuf", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".ini": "ini",
    ".cfg": "ini", ".conf": "", ".json": "json", ".jsonl": "json", ".xml": "xml", ".css": "css",
    ".scss": "scss", ".tf": "hcl", ".cmake": "cmake", ".mk": "makefile", ".env": "",
    ".dockerfile": "dockerfile", ".vue": "vue", ".svelte": "svelte", ".dart": "dart",
    ".m": "objectivec", ".zig": "zig", ".nim": "nim", ".tex": "latex",
}  # fmt: skip
_LANGUAGES_BY_NAME = {
    "dockerfile": "dockerfile", "containerfile": "dockerfile", "makefile": "makefile",
    "gnumakefile": "makefile", "justfile": "makefile", "jenkinsfile": "groovy",
    "vagrantfile": "ruby", "gemfile": "ruby", "rakefile": "ruby", "podfile": "ruby",
    "fastfile": "ruby", "brewfile": "ruby", "snakefile": "python", "tiltfile": "python",
    "procfile": "", "pipfile": "toml", "codeowners": "",
}  # fmt: skip
_TEXT_FILE_NAMES = frozenset({
    "authors", "changelog", "changes", "contributing", "contributors", "copying", "credits",
    "faq", "hacking", "history", "install", "licence", "license", "maintainers", "news", "notice",
    "readme", "security", "thanks", "todo",
})  # fmt: skip
"""Well-known texts that have no suffix."""
_NAMES_WITH_VARIANTS = frozenset({"dockerfile", "containerfile", "makefile", "jenkinsfile"})
"""Names that may have a suffix: `Dockerfile.dev`, `Makefile.am`."""

_FRONT_MATTER = re.compile(r"---\n.*?\n(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
_FRONT_MATTER_TITLE = re.compile(r"^title:[ \t]++(\S.*)", re.MULTILINE)
"""What a Markdown file says of itself before its text."""


def _load_text(data: bytes, name: str) -> Loaded:
    """Markdown and plain text, in whatever charset; HTML under another name is seen as such."""
    found = extract(data, name)
    front = _FRONT_MATTER.match(found.text[:4_000])
    title = _FRONT_MATTER_TITLE.search(front[0]) if front else None
    return Loaded(found.text, title[1].rstrip(" \t").strip("\"'")[:200] if title else found.title)


def _load_page(data: bytes, name: str) -> Loaded:
    found = extract(data, name, "text/html")
    return Loaded(found.text, found.title)


def _load_code(data: bytes, name: str) -> Loaded:
    """Source code as one fenced block, named by its file."""
    from bot.errors import Refused

    if is_binary(data):
        raise Refused(f"{name:.100} is not text, so there is nothing to read in it.")
    text = decode(data).replace("\r\n", "\n").strip("\n")
    path = PurePosixPath(name)
    language = _LANGUAGES_BY_SUFFIX.get(path.suffix.lower(), "") or _LANGUAGES_BY_NAME.get(
        path.stem.lower(), ""
    )
    return Loaded(fence_code(text, language) if text.strip() else "", path.name)


TEXT = Loader(
    "text",
    frozenset({".md", ".markdown", ".mdx", ".txt", ".text", ".rst", ".adoc", ".org", ".log", ""}),
    _load_text,
    frozenset({"text/markdown", "text/plain", "text/x-markdown"}),
    names=_TEXT_FILE_NAMES,
)
PAGE = Loader(
    "page",
    frozenset({".html", ".htm", ".xhtml"}),
    _load_page,
    frozenset({"text/html", "application/xhtml+xml"}),
)
CODE = Loader(
    "code",
    frozenset(_LANGUAGES_BY_SUFFIX),
    _load_code,
    frozenset({"application/json", "application/x-yaml", "application/xml", "text/css"}),
    names=frozenset(_LANGUAGES_BY_NAME),
)

LOADERS: tuple[Loader, ...] = (TEXT, PAGE, PDF, *OFFICE, XLSX, CSV, NOTEBOOK, CODE)
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
