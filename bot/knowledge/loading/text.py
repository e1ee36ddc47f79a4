"""Loads texts: Markdown, plain text, AsciiDoc, Org and reStructuredText, and source code.

Read are headings, paragraphs, lists with their numbers, tables, code, quotations and footnotes of
the markup that the file's name tells. Not read are pictures (their descriptions are), comments, and
files that are included from elsewhere.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.knowledge.loading.markup.formats import MARKUPS
from bot.knowledge.loading.markup.markdown import front_matter_title, parse_markdown
from bot.skills.document_loader import Loaded, Loader
from bot.skills.document_tree import Code, LeftOut
from bot.web.decoding import decode, is_binary
from bot.web.extract import extract, is_html

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
_MARKDOWN_SUFFIXES = frozenset({".md", ".markdown", ".mdx"})
_MARKDOWN_TYPES = frozenset({"text/markdown", "text/x-markdown"})


def load_text(
    data: bytes, name: str, content_type: str = "", charset: str | None = None, *, called: str = ""
) -> Loaded:
    """Loads a text in the markup of its name, in whatever charset; HTML under another name is seen
    as such. Raises `Refused`, about what it is `called`."""
    if is_html(data, content_type):
        return extract(data, called or name, content_type, charset)
    text = _decode(data, called or name, charset)
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in MARKUPS and content_type not in _MARKDOWN_TYPES:
        blocks, pictures, title = MARKUPS[suffix](text)
    else:
        plain = suffix not in _MARKDOWN_SUFFIXES and content_type not in _MARKDOWN_TYPES
        blocks, pictures = parse_markdown(text, plain=plain)
        title = front_matter_title(text)
    left_out = (LeftOut("picture", pictures),) if pictures else ()
    return Loaded("", title, blocks, left_out)


def _load_code(data: bytes, name: str) -> Loaded:
    """Loads source code as one block, named by its file."""
    text = _decode(data, name).replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    path = PurePosixPath(name)
    language = _LANGUAGES_BY_SUFFIX.get(path.suffix.lower(), "") or _LANGUAGES_BY_NAME.get(
        path.stem.lower(), ""
    )
    return Loaded("", path.name, (Code(text, language),) if text.strip() else ())


def _decode(data: bytes, name: str, charset: str | None = None) -> str:
    if is_binary(data):
        raise Refused(
            say("{name} is not text, so there is nothing to read in it.", name=name[:100])
        )
    return decode(data, charset)


TEXT = Loader(
    "text",
    frozenset({*_MARKDOWN_SUFFIXES, *MARKUPS, ".txt", ".text", ".log", ""}),
    load_text,
    frozenset({"text/plain", *_MARKDOWN_TYPES}),
    names=_TEXT_FILE_NAMES,
)
CODE = Loader(
    "code",
    frozenset(_LANGUAGES_BY_SUFFIX),
    _load_code,
    frozenset({"application/json", "application/x-yaml", "application/xml", "text/css"}),
    names=frozenset(_LANGUAGES_BY_NAME),
)
