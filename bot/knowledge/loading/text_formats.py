"""How texts and source code are told by a file's name and its content type."""

from __future__ import annotations

LANGUAGES_BY_SUFFIX = {
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
LANGUAGES_BY_NAME = {
    "dockerfile": "dockerfile", "containerfile": "dockerfile", "makefile": "makefile",
    "gnumakefile": "makefile", "justfile": "makefile", "jenkinsfile": "groovy",
    "vagrantfile": "ruby", "gemfile": "ruby", "rakefile": "ruby", "podfile": "ruby",
    "fastfile": "ruby", "brewfile": "ruby", "snakefile": "python", "tiltfile": "python",
    "procfile": "", "pipfile": "toml", "codeowners": "",
}  # fmt: skip
TEXT_FILE_NAMES = frozenset({
    "authors", "changelog", "changes", "contributing", "contributors", "copying", "credits",
    "faq", "hacking", "history", "install", "licence", "license", "maintainers", "news", "notice",
    "readme", "security", "thanks", "todo",
})  # fmt: skip
"""Well-known texts that have no suffix."""
MARKDOWN_SUFFIXES = frozenset({".md", ".markdown", ".mdx"})
MARKDOWN_TYPES = frozenset({"text/markdown", "text/x-markdown"})
MARKUP_SUFFIXES = {
    ".adoc": "asciidoc",
    ".asciidoc": "asciidoc",
    ".asc": "asciidoc",
    ".org": "org",
    ".rst": "rst",
}
"""The markups that are not Markdown, by the suffix of a file."""
