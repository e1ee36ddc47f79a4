"""Asks people what a tool wants to know in the middle of its work, which waits for the answer.

An open inquiry is in memory alone: the call that asks is lost with the process. What was filled in
is given to the call, and is stored nowhere.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from bot.catalogue.sentence import say
from bot.commands.authorization import Authorize, Subject
from bot.commands.checks import Asker
from bot.commands.declaration import Command
from bot.commands.parsing import parse_options
from bot.errors import Denied, NotFound, StorageError
from bot.events import ActionCall, CommandCall
from bot.observability.redaction import Redactor
from bot.processes.peers import Peers
from bot.replies.delivery import Delivery, DeliveryTimeouts
from bot.replies.draft import Draft
from bot.replies.protocol import Replies
from bot.replies.wording import as_code
from bot.skills.inquiry import INQUIRY_LIFETIME_S, Choice, Inquiry, InquiryAnswer
from bot.turns.inquiries_elsewhere import (
    ANOTHER_ASKED,
    FORM_PREFIX,
    GONE,
    Asked,
    InquiriesElsewhere,
    build_form,
)
from bot.turns.open_turns import OpenTurns
from bot.turns.platforms import Platforms
from bot.turns.turn import Turn
from bot.types import Action, Notice, Value

_CHOICES: Final[dict[str, Choice]] = {"decline-": "decline", "cancel-": "cancel"}
_CLOSE_WAIT_S: Final = 2.0
_FORM_WAIT_S: Final = 1.5
"""How long another process is waited for with a form, in seconds; platforms let one open for 3."""
_NO_FORM: Final = say("The form could not be opened here; you can decline.")


@dataclass(slots=True)
class _Open:
    """An inquiry that waits for its answer."""

    id: str
    turn: Turn
    inquiry: Inquiry
    answer: asyncio.Future[InquiryAnswer]
    form: Command = field(init=False)

    def __post_init__(self) -> None:
        self.form = build_form(self.id, self.inquiry.title, self.inquiry.options)

    @property
    def person(self) -> str:
        return self.turn.asker.author.key

    def settle(self, answer: InquiryAnswer) -> None:
        """Take the answer. Raises `NotFound` if there is one already."""
        if self.answer.done():
            raise NotFound(GONE)
        self.answer.set_result(answer)


class OpenInquiries:
    """Implements `bot.skills.inquiry.Inquiries`, and takes the answers, also to what the other
    processes (`peers`) ask."""

    def __init__(
        self,
        turns: OpenTurns,
        platforms: Platforms,
        replies: Replies,
        authorize: Authorize,
        redact: Redactor,
        timeouts: DeliveryTimeouts,
        *,
        lifetime_s: float = INQUIRY_LIFETIME_S,
        peers: Peers | None = None,
    ) -> None:
        self._turns = turns
        self._platforms = platforms
        self._replies = replies
        self._authorize = authorize
        self._redact = redact
        self._timeouts = timeouts
        self._lifetime_s = lifetime_s
        self._open: dict[str, _Open] = {}
        self._removals: set[asyncio.Task[None]] = set()
        self._elsewhere = InquiriesElsewhere(peers, self)

    # --- asking -------------------------------------------------------------------------------

    async def ask(self, turn: str, inquiry: Inquiry) -> InquiryAnswer:
        """Ask the person of an open turn; see `Inquiries`."""
        asking = self._turns.get(turn)
        if asking is None:
            raise NotFound(GONE)
        one = _Open(uuid.uuid4().hex, asking, inquiry, asyncio.Future())
        self._open[one.id] = one
        try:
            with _waiting(asking, self._lifetime_s):
                await self._show(one)
                async with asyncio.timeout(self._lifetime_s):
                    return await one.answer
        except TimeoutError:
            return InquiryAnswer("cancel")
        finally:
            del self._open[one.id]
            self._remove(one)

    async def _show(self, one: _Open) -> None:
        """Post the message with the buttons, for all in the place; for the asker alone where they
        alone are answered."""
        asker, route = one.turn.asker, one.turn.route
        alone = route is not None and route.private and not asker.direct
        audience = asker.author if alone else None
        sink = await self._platforms.open_reply(asker.conversation, audience, turn=one.id)
        locale, direct = one.turn.locale, asker.direct or alone
        draft = Draft(one.id, sink.limits, redact=self._redact, direct=direct, locale=locale)
        delivery = Delivery(sink, draft, timeouts=self._timeouts)
        await delivery.finish("complete", Notice(one.inquiry.words, actions=_buttons(one)))

    def _remove(self, one: _Open) -> None:
        """Take the message away, whose buttons do nothing any more."""
        task = asyncio.create_task(self._withdraw(one.id), name=f"inquiry {one.id}")
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)

    async def _withdraw(self, name: str) -> None:
        await self._platforms.withdraw_reply(await self._replies.get(name))

    async def aclose(self) -> None:
        """Wait until the messages of what was asked are taken away, but not for long."""
        if self._removals:
            _, late = await asyncio.wait(self._removals, timeout=_CLOSE_WAIT_S)
            for task in late:
                task.cancel()

    # --- answering ----------------------------------------------------------------------------

    async def form(self, name: str, person: str | None = None) -> Command | None:
        """The form of that name, whichever process asks, if something is to be filled in; with
        `person` (an `Author.key`) only if it is they who are asked."""
        if not name.startswith(FORM_PREFIX):
            return None
        inquiry = name.removeprefix(FORM_PREFIX)
        asked = self.describe(inquiry)
        if asked is None:
            with suppress(StorageError):  # a press says what is wrong
                asked = await self._elsewhere.find(inquiry, within_s=_FORM_WAIT_S)
        if asked is None or not asked.options or person not in {None, asked.subject.owner}:
            return None
        return build_form(inquiry, asked.title, asked.options)

    async def press(self, call: ActionCall, asker: Asker) -> Notice:
        """Take a press of one of the buttons. Raises `NotFound` and `Denied`."""
        prefix, _, name = call.value.rpartition("-")
        one = await self._find(name, call, asker)
        if (choice := _CHOICES.get(f"{prefix}-")) is not None:
            await self._answer(name, choice)
            words = say("{name} is told that you do not answer.", name=one.title)
        elif one.options:
            words = _NO_FORM if name in self._open else ANOTHER_ASKED
        elif link := one.link:
            await self._answer(name, "accept")
            host = as_code(urlsplit(link).hostname or "")
            words = say("Go on at {host}: {link}", host=host, link=f"<{link}>")
        else:
            await self._answer(name, "accept")
            words = say("{name} is told that you agree.", name=one.title)
        return Notice(words, private=True)

    async def take_form(self, call: CommandCall, asker: Asker) -> Notice:
        """Take a form that was filled in. Raises `NotFound`, `Denied` and `UsageError`."""
        name = call.name.removeprefix(FORM_PREFIX)
        one = await self._find(name, call, asker)
        given = dict(call.options)
        if call.text is not None:
            if name not in self._open:
                raise NotFound(ANOTHER_ASKED)
            given = {**parse_options(call.text, self._open[name].form), **given}
        await self._answer(name, "accept", given)
        return Notice(say("Thank you; {name} has it now.", name=one.title), private=True)

    def describe(self, inquiry: str) -> Asked | None:
        """What is asked under that id by a turn of this process."""
        one = self._open.get(inquiry)
        if one is None or one.answer.done():
            return None
        asker, what = one.turn.asker, one.inquiry
        subject = Subject(one.person, asker.conversation)
        return Asked(subject, asker.author.name, what.title, tuple(what.options), what.link)

    def settle(self, inquiry: str, choice: Choice, given: Mapping[str, Value] | None) -> None:
        """Give an answer to a turn of this process. Raises `NotFound` and `UsageError`."""
        one = self._open.get(inquiry)
        if one is None:
            raise NotFound(GONE)
        one.settle(InquiryAnswer(choice, {} if given is None else one.form.bind(given)))

    async def _answer(
        self, inquiry: str, choice: Choice, given: Mapping[str, Value] | None = None
    ) -> None:
        if inquiry in self._open:
            self.settle(inquiry, choice, given)
        else:
            await self._elsewhere.settle(inquiry, choice, given)

    async def _find(self, name: str, call: ActionCall | CommandCall, asker: Asker) -> Asked:
        one = self.describe(name) or await self._elsewhere.find(name)
        own = one is not None and one.subject.owner == asker.author.key
        subject = one.subject if one and own else None
        decision = await self._authorize(asker, "button:answer", call.conversation, subject)
        if not decision.allowed:
            raise Denied(decision.reason)
        if one is None:
            raise NotFound(GONE)
        if not own:
            raise Denied(say("This is for {name} to answer.", name=one.name))
        return one


@contextmanager
def _waiting(turn: Turn, longest_s: float) -> Iterator[None]:
    """The time for which a person is waited for is not the turn's own."""
    clock = asyncio.get_running_loop().time
    began = clock()
    turn.extend(longest_s)
    try:
        yield
    finally:
        turn.extend(clock() - began - longest_s)


def _buttons(one: _Open) -> tuple[Action, ...]:
    if one.inquiry.options:
        label = say("Answer")
    else:
        label = say("Show the link") if one.inquiry.link else say("Agree")
    return (
        Action("answer", label, FORM_PREFIX + one.id),
        Action("answer", say("Decline"), f"decline-{one.id}"),
        Action("answer", say("Cancel"), f"cancel-{one.id}"),
    )
