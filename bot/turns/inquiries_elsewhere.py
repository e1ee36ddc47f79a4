"""Inquiries that wait for their answer in another process: who is asked, and how to answer them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from bot.catalogue.sentence import lay_out, say
from bot.commands.authorization import Subject
from bot.errors import NotFound, UsageError
from bot.processes.peers import Peers, TooLongToTell
from bot.skills.inquiry import Choice
from bot.types import ConversationKey, Value

GONE: Final = say("This was answered already, or its time is over.")
ANOTHER_ASKED: Final = say(
    "Another part of me asked this, and waits for the answer; please press again in a moment."
)
_FIND: Final = "inquiry_find"
_SETTLE: Final = "inquiry_settle"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a press has to know of an inquiry: who is asked and where (`subject`, with their name),
    the title, whether there is a form, and the link to be shown."""

    subject: Subject
    name: str
    title: str
    form: bool = False
    link: str = ""


class InquiriesHere(Protocol):
    """The inquiries of this process."""

    def describe(self, inquiry: str) -> Asked | None:
        """What is asked; None where nothing is open under that id."""
        ...

    def settle(self, inquiry: str, choice: Choice, given: Mapping[str, Value] | None) -> None:
        """Take an answer, with what was filled in. Raises `NotFound` and `UsageError`."""
        ...


class InquiriesElsewhere:
    """Reaches the inquiries of the other processes, and lets these reach those `here`."""

    def __init__(self, peers: Peers | None, here: InquiriesHere) -> None:
        self._peers = peers
        self._here = here
        if peers is not None:
            peers.answer(_FIND, self._find)
            peers.answer(_SETTLE, self._settle)

    async def find(self, inquiry: str) -> Asked | None:
        """What another process asks under that id; None where none does. Raises `StorageError`."""
        if self._peers is None:
            return None
        for said in await self._peers.ask(_FIND, {"inquiry": inquiry}):
            place = ConversationKey.parse(said["place"])
            subject = Subject(said["person"], place)
            return Asked(subject, said["name"], said["title"], said["form"], said["link"])
        return None

    async def settle(
        self, inquiry: str, choice: Choice, given: Mapping[str, Value] | None = None
    ) -> None:
        """Have the process that asks take an answer. Raises `NotFound`, `UsageError` and
        `StorageError`."""
        if self._peers is None:
            raise NotFound(GONE)
        filled_in = dict(given) if given is not None else None
        asked = {"inquiry": inquiry, "choice": choice, "given": filled_in}
        try:
            said = next(iter(await self._peers.ask(_SETTLE, asked)), None)
        except TooLongToTell as error:
            raise NotFound(ANOTHER_ASKED) from error
        if said is None:
            raise NotFound(GONE)
        if said:
            raise UsageError(lay_out("{said}", said=said))

    async def _find(self, asked: Mapping[str, Any]) -> Any:
        one = self._here.describe(asked["inquiry"])
        if one is None:
            return None
        return {
            "person": one.subject.owner,
            "place": str(one.subject.place),
            "name": one.name,
            "title": one.title,
            "form": one.form,
            "link": one.link,
        }

    async def _settle(self, asked: Mapping[str, Any]) -> str | None:
        """Empty where it is settled, else what was filled in wrongly."""
        try:
            self._here.settle(asked["inquiry"], asked["choice"], asked["given"])
        except NotFound:
            return None
        except UsageError as error:
            return str(error)
        return ""
