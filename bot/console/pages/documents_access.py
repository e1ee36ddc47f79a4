"""Which knowledge bases somebody is shown, and what is said of each: the rights are those of
`/docs`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.catalogue.sentence import join_sentences, say, say_number
from bot.commands.checks import at_this_machine
from bot.config.knowledge import KnowledgeBase
from bot.console.formatting import write_place
from bot.console.site import Site
from bot.console.visit import Visit
from bot.errors import Denied, NotFound
from bot.knowledge.access import is_private, private_base
from bot.knowledge.document_lookup import to_document
from bot.knowledge.index.document_list import BaseTotals, DocumentList
from bot.knowledge.index.rows import DocumentRow
from bot.settings.channel_settings import count_chosen_bases
from bot.settings.choices_store import SqlPreferences
from bot.skills.permitted_services import Permission, PermittedKnowledge
from bot.skills.services import Services
from bot.values import Document

DOCS_COMMAND = "docs"
_NOT_HERE = say("There is no such knowledge base, or it is not for you.")
_NO_DOCUMENT = say("There is no such document, or it is not for you.")


@dataclass(frozen=True, slots=True)
class ShownBase:
    """A knowledge base as somebody sees it. `may_add` and `may_remove` say what they may do."""

    name: str
    title: str
    description: str
    readers: str
    totals: BaseTotals
    may_add: bool
    may_remove: bool


@dataclass(frozen=True, slots=True)
class ShownFailure:
    """A source that could not be read when it was last synced, since when, and why."""

    base: str
    name: str
    since: datetime
    why: str


class DocumentAccess:
    """Answers what somebody may see and do, by asking what `/docs` asks."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.list = DocumentList(site.app.database)

    @property
    def services(self) -> Services:
        return self._site.app.services

    def permission(self, visit: Visit) -> Permission:
        """What decides for whoever looks."""
        return Permission(self.services.authorize, visit.asker)

    def knowledge(self, visit: Visit) -> PermittedKnowledge:
        """The documents as whoever looks may use them."""
        return PermittedKnowledge(self.services.knowledge, self.permission(visit))

    async def names(self, visit: Visit) -> Sequence[str]:
        """The bases that somebody may read, their own first. Raises `Denied` where `/docs` is not
        for them."""
        permission = self.permission(visit)
        await permission.require(DOCS_COMMAND)
        stored = await self.list.bases()
        own = private_base(visit.asker.author)
        known = [name for name in stored if not is_private(name)]
        there = [own] if own in stored or not at_this_machine(visit.asker) else []
        named = dict.fromkeys([*there, *self._site.app.installation.config.knowledge.bases, *known])
        return [name for name in named if await permission.allowed(f"docs.read:{name}")]

    async def bases(self, visit: Visit, names: Sequence[str]) -> Sequence[ShownBase]:
        """What somebody is shown of some bases, which they may read."""
        totals, chosen = await self.list.totals(names), await self._chosen()
        return [await self._show(visit, name, totals, chosen) for name in names]

    async def base(self, visit: Visit, name: str) -> ShownBase:
        """One base. Raises `NotFound` for one that they may not read, and `Denied`."""
        if name not in await self.names(visit):
            raise NotFound(_NOT_HERE)
        return await self._show(visit, name, await self.list.totals([name]), await self._chosen())

    async def document(self, visit: Visit, ident: str) -> tuple[DocumentRow, Document]:
        """A document by its id. Raises `NotFound` for one that they may not read, and `Denied`."""
        row = await self.list.find(ident)
        if row is None or row.base not in await self.names(visit):
            raise NotFound(_NO_DOCUMENT)
        return row, to_document(row)

    async def require(self, visit: Visit, action: str, base: str) -> None:
        """Raise `NotFound` for a base that they may not read, `Denied` for what they may not do."""
        if base not in await self.names(visit):
            raise NotFound(_NOT_HERE)
        decision = await self.services.authorize(
            visit.asker, f"{action}:{base}", visit.asker.conversation
        )
        if not decision.allowed:
            raise Denied(decision.reason)

    async def failures(self, visit: Visit, bases: Sequence[str]) -> Sequence[ShownFailure]:
        """The sources of some bases that cannot be read just now; for admins, since reasons may
        name files of the machine."""
        if not visit.asker.admin:
            return ()
        found = await self._site.app.knowledge.source_sync.failures()
        return [
            ShownFailure(one.base, one.location, one.since, one.why)
            for one in found
            if one.base in bases
        ]

    async def _chosen(self) -> Mapping[str, int]:
        """In how many places each base was chosen, in config.yaml or by an admin."""
        config = self._site.app.installation.config
        named = [
            place.knowledge_base
            for place in (*config.workspaces.values(), *config.channels.values())
        ]
        chosen = Counter(name for name in named if name is not None)
        return chosen + Counter(await count_chosen_bases(SqlPreferences(self._site.app.database)))

    async def _show(
        self, visit: Visit, name: str, totals: Mapping[str, BaseTotals], chosen: Mapping[str, int]
    ) -> ShownBase:
        permission = self.permission(visit)
        config = self._site.app.installation.config.knowledge.bases.get(name)
        return ShownBase(
            name,
            base_title(name),
            config.description if config is not None else "",
            describe_readers(name, config, chosen.get(name, 0)),
            totals.get(name, BaseTotals()),
            await permission.allowed(f"docs.add:{name}"),
            await permission.allowed(f"docs.remove:{name}"),
        )


def base_title(name: str) -> str:
    """How a base is called for whoever may read it."""
    return say("Your own documents") if is_private(name) else name


def describe_readers(name: str, config: KnowledgeBase | None, chosen: int) -> str:
    """Say where a base answers, and whom; for anybody who may read it: people, and the places for
    which it was chosen, are only counted."""
    if is_private(name):
        return say("You alone, in direct messages.")
    if config is None:
        return say("Nobody: it is not in config.yaml. An admin can still look into it.")
    where = [write_place(place) for place in (*config.channels, *config.workspaces)]
    told = say("In {places}.", places=", ".join(where)) if where else ""
    if config.default:
        told = join_sentences([told, say("Wherever no other documents answer.")])
    if chosen:
        more = say_number("In {n} place that chose it.", "In {n} places that chose it.", chosen)
        told = join_sentences([told, more])
    people: list[str] = []
    if config.users:
        people.append(say_number("{n} person", "{n} people", len(config.users)))
    if config.roles:
        people.append(say_number("{n} role", "{n} roles", len(config.roles)))
    who = (
        say("Only for {people}, and admins.", people=join_sentences(people, ", "))
        if people
        else say("For everybody there.")
        if told
        else say("Where an admin chooses it.")
    )
    return join_sentences([told, who])
