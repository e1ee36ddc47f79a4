"""The section of config.yaml that concerns documents."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from bot.commands.time_words import period_s
from bot.config.base import LocalPath, Section, from_root
from bot.config.core import PersonKey
from bot.config.scans import ScanSettings
from bot.types import Author

READER_AUTO = "auto"
"""The model that answers reads the passages, too, if it can."""
READER_OFF = "off"
"""No model reads them."""
Fraction = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0, le=120)]


class KnowledgeBase(Section):
    """A named collection of documents, where it answers, and whom."""

    description: str = ""
    """What is in it, for people."""
    embedder: str | None = None
    """Model that embeds its passages, by its name under `models`; empty: `embedder`."""
    workspaces: tuple[str, ...] = ()
    """Workspaces in which it answers, each as `platform:workspace`."""
    channels: tuple[str, ...] = ()
    """Channels in which it answers, each as `platform:workspace:channel`."""
    default: bool = False
    """It answers wherever no other base is bound; one base at most."""
    users: tuple[PersonKey, ...] = ()
    """Only these people (and admins) are answered from it, each as `platform:id`."""
    roles: tuple[PersonKey, ...] = ()
    """Only people with one of these roles or user groups (and admins), each as `platform:id`."""

    @property
    def restricted(self) -> bool:
        """Whether it is for certain people only."""
        return bool(self.users or self.roles)

    def admits(self, author: Author, *, admin: bool) -> bool:
        """Whether this person may be answered from it, where it answers at all."""
        return (
            admin
            or not self.restricted
            or author.key in self.users
            or any(f"{author.platform}:{role}" in self.roles for role in author.roles)
        )


def _check_period(text: str) -> str:
    seconds = period_s(text)
    if not _SHORTEST_PERIOD_S <= seconds <= _LONGEST_PERIOD_S:
        raise ValueError("must be a time from 1m to 365d, such as 30m or 1h")
    return text


_SHORTEST_PERIOD_S = 60.0
_LONGEST_PERIOD_S = 365 * 86_400.0

Period = Annotated[str, AfterValidator(_check_period)]
"""A time as people write it: `30m`, `1h`, `7d`."""


GIT_ADDRESS = re.compile(
    r"https://[^/\s@]+/\S|ssh://([^/\s:@-][^/\s:@]*@)?[^/\s:@-][^/\s:@]*(:\d+)?/\S"
)
"""The address of a Git repository, without a password; a user name is for SSH alone."""


def _check_git(text: str, info: ValidationInfo) -> str:
    if re.match(r"[\w.-]+@[\w.-]+:", text):
        raise ValueError("must be written as ssh://git@host/path")
    if "://" not in text:
        return str(from_root(Path(text), info))
    if not GIT_ADDRESS.match(text):
        raise ValueError("must be an https:// or ssh:// address without a password, or a path")
    return text


GitAddress = Annotated[str, AfterValidator(_check_git)]
"""The address of a Git repository, or its path, which starts at the folder of config.yaml."""


class SyncSource(Section):
    """A folder, a page, a sitemap or a Git repository whose documents are kept up to date."""

    path: LocalPath | None = None
    """A folder."""
    url: str | None = None
    """A page, or a sitemap."""
    git: GitAddress | None = None
    """A Git repository: an `https://` or `ssh://` address, or a path on this machine."""
    branch: str | None = None
    """Its branch; empty: the one that it has checked out, or names as the default."""
    folder: str | None = None
    """Only what is in this folder of the repository."""
    token_env: str | None = None
    """Variable, in `.env` or the environment, with the token for a private repository."""
    every: Period | None = None
    """How often it is read again while the bot runs, such as `30m`, `1h` or `7d`; empty: by
    `parlance docs sync` alone."""
    base: str | None = None
    """Knowledge base that takes them; empty: the default one."""

    @property
    def every_s(self) -> float | None:
        """How often it is read again, in seconds."""
        return period_s(self.every) if self.every else None

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of this machine."""
        return self.path is not None

    @model_validator(mode="after")
    def _check(self) -> SyncSource:
        given = [name for name in ("path", "url", "git") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("must name one of path, url and git")
        more = [n for n in ("branch", "folder", "token_env") if getattr(self, n) is not None]
        if more and self.git is None:
            raise ValueError(f"{more[0]} is for Git repositories; take it out")
        if problem := self._find_problem():
            raise ValueError(problem)
        return self

    def _find_problem(self) -> str:
        """Returns what is wrong with an address, a branch or a folder, or ""."""
        if self.url is not None and not re.match(r"https?://[^/\s@]+(/|$)", self.url):
            return "url must be an http or https address, without a user name"
        if self.token_env is not None and not str(self.git).startswith("https://"):
            return "token_env is for https:// addresses; take it out"
        if self.branch is not None and not re.fullmatch(r"[\w][\w./-]{0,199}", self.branch):
            return "branch must be the name of a branch"
        if self.folder is not None and not _is_inner_folder(self.folder):
            return "folder must be a folder within the repository, such as docs/guides"
        return ""


def _is_inner_folder(folder: str) -> bool:
    parts = folder.strip("/").split("/")
    return folder.isprintable() and all(part not in ("", ".", "..") for part in parts)


CHROMA_ADDRESS = r"^https?://[^\s/@?#]+(/[^\s@?#]*)?$"
"""The address of a Chroma server, without a user name or password."""


class VersionSettings(Section):
    """What is kept of documents that have changed, to tell what changed since."""

    keep: Annotated[int, Field(ge=0, le=1000)] = 10
    """Changes of a document that are kept, with what it said before; 0: none."""
    keep_days: Annotated[int, Field(ge=1)] = 90
    """They go after so many days."""


class LoadingSettings(Section):
    """What reading one document may take; one that takes more is refused, and no other is."""

    cpu_s: Annotated[int, Field(ge=1)] = 60
    """Processor time, in seconds."""
    wall_s: Annotated[float, Field(gt=0)] = 120.0
    """Time from beginning to end, in seconds."""
    memory_mb: Annotated[int, Field(ge=64)] = 1024
    """Memory, in MB."""


class KnowledgeSettings(Section):
    """Documents: how they are cut, found and judged."""

    chunk_tokens: Annotated[int, Field(ge=32, le=8192)] = 200
    """Longest passage, in the embedder's own tokens."""
    dense_weight: Fraction = 0.6
    """Share of meaning (vectors) in a passage's score; the rest is the words themselves."""
    evidence: Fraction = 0.5
    """Confidence from which a question is answered."""
    related: Fraction = 0.5
    """Confidence that passages are about the subject, below which the answer is "not in the
    documents"; above it the nearest are shown, as not sure."""
    reader: str = READER_AUTO
    """Model that reads the best passages and points to the words that answer, by its name under
    `models`; `auto`: the one that answers, if it was found to be able to; `off`: none."""
    follow_ups: bool = True
    """A short question that leans on the one before it is looked up together with it."""
    rewrite: bool = False
    """The model makes a question stand by itself before the search; costs a model call."""
    multi_query: bool = False
    """The model proposes up to three more ways to put the question; costs a model call."""
    query_deadline_s: Seconds = 10.0
    """Time for such a call, in seconds; after it the question stays as it was asked."""
    late_interaction: bool = True
    """The best three passages are compared with the question word by word, by the embedder."""
    reranker: str | None = None
    """Model that reads the best passages once more and decides whether they answer, by its name
    under `models`; empty: none."""
    chroma: Annotated[str, Field(pattern=CHROMA_ADDRESS)] | None = None
    """Chroma server that has the vectors, as `http://host:port`; empty: this process has them
    itself, in the data folder."""
    chroma_token_env: str | None = None
    """Variable, in `.env` or the environment, with the token for a proxy before that server, which
    is sent as `Authorization: Bearer`."""
    bases: dict[str, KnowledgeBase] = Field(
        default_factory=lambda: {"default": KnowledgeBase(default=True)}
    )
    """Knowledge bases by name."""
    loading: LoadingSettings = LoadingSettings()
    """What reading one document may take."""
    ocr: ScanSettings = ScanSettings()
    """Text recognition of scanned pages and of pictures."""
    sync: tuple[SyncSource, ...] = ()
    """Folders, pages, sitemaps and Git repositories that are read in at the first start, by
    `parlance docs sync`, and where they say so every so often."""
    versions: VersionSettings = VersionSettings()
    """What is kept of documents that have changed."""

    @model_validator(mode="after")
    def _check_token(self) -> KnowledgeSettings:
        if self.chroma_token_env is not None and self.chroma is None:
            raise ValueError("chroma_token_env goes with chroma; take it out")
        return self
