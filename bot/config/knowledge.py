"""The section of config.yaml that concerns documents."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.config.base import LocalPath, Section
from bot.config.core import PersonKey
from bot.types import Author

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


class SyncFolder(Section):
    """A folder whose documents `parlance docs sync` keeps up to date."""

    path: LocalPath
    """The folder."""
    base: str | None = None
    """Knowledge base that takes them; empty: the default one."""


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
    reader: str = "auto"
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
    reranker: str | None = None
    """Model that reads the best passages once more, by its name under `models`; empty: none."""
    bases: dict[str, KnowledgeBase] = Field(
        default_factory=lambda: {"default": KnowledgeBase(default=True)}
    )
    """Knowledge bases by name."""
    loading: LoadingSettings = LoadingSettings()
    """What reading one document may take."""
    sync: tuple[SyncFolder, ...] = ()
    """Folders that are read in by `parlance docs sync` and at the first start."""
