"""Inquiries that wait for their answer in another process: who is asked, and how to answer them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Protocol

from bot.catalogue.sentence import lay_out, say
from bot.commands.authorization import Subject
from bot.commands.declaration import Command, Option
from bot.errors import NotFound, UsageError
from bot.processes.peers import ASK_S, Peers, TooLongToTell
from bot.skills.inquiry import Choice
from bot.types import ConversationKey, Part, Value

GONE: Final = say("This was answered already, or its time is over.")
ANOTHER_ASKED: Final = say(
    "Another part of me asked this, and waits for the answer; please press again in a moment."
)
FORM_PREFIX: Final = "answer-"
"""Begins the name of an inquiry's form, as no command's name does; the rest is its id."""
_FIND: Final = "inquiry_find"
_SETTLE: Final = "inquiry_settle"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a press has to know of an inquiry: who is asked and where (`subject`, with their name),
    the title, what is to be filled in, and the link to be shown."""

    subject: Subject
    name: str
    title: str
    options: Sequence[Option] = ()
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

    async def find(self, inquiry: str, *, within_s: float = ASK_S) -> Asked | None:
        """What another process asks under that id; None where none does, or says so within so many
        seconds. Raises `StorageError`."""
        if self._peers is None:
            return None
        for said in await self._peers.ask(_FIND, {"inquiry": inquiry}, within_s=within_s):
            place = ConversationKey.parse(said["place"])
            subject, title = Subject(said["person"], place), said["title"]
            options = [_read_option(one) for one in said["options"]]
            return Asked(subject, said["name"], title, options, said["link"])
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
            "options": [_write_option(option) for option in one.options],
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


def build_form(inquiry: str, title: str, options: Sequence[Option]) -> Command:
    """What is filled in, as a command that a platform has a form for."""
    return Command(
        FORM_PREFIX + inquiry, title, tuple(options), _no_handler,
        quick=True, private=True, title=title,
    )  # fmt: skip


def _no_handler(ctx: Any, /, **options: Any) -> AsyncIterator[Part]:
    """No skill answers a form: what is filled in goes to the call that asks."""
    raise NotFound(GONE)


def _write_option(option: Option) -> Mapping[str, Any]:
    """An option as a form shows it, which has nothing that suggests values. What more it checks is
    checked by the process that asks."""
    names = [one.name for one in fields(Option) if one.name != "complete"]
    return {name: getattr(option, name) for name in names}


def _read_option(said: Mapping[str, Any]) -> Option:
    return Option(**{**said, "choices": tuple(said["choices"])})
