"""The context that a skill gets for one turn."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal, NoReturn

from pydantic import BaseModel

from backends.base import ChatMessage, Sampling, Tool, ToolCall, UnreadCall
from bot.catalogue.sentence import say
from bot.commands.checks import Asker, Check
from bot.errors import Denied, Recording, Refused
from bot.events import Attachment, CommandCall, Message
from bot.history.protocol import HistoryStore
from bot.history.suspensions import history_until
from bot.models.protocol import Models, unknown_model
from bot.prompting.foreign_text import Trusted
from bot.replies.address_filter import AddressFilter
from bot.skills.current_turn import CurrentTurn, Resumption, TurnRecord, suspend_turn
from bot.skills.model_call import ModelCalls
from bot.skills.recordings import recording_refusal
from bot.skills.service_protocols import Knowledge, Prompts, Web
from bot.skills.services import Services
from bot.types import Author, ConversationKey, Part
from bot.values import Page, PicturesRead

_STEPS: Final = "steps done"
"""Key under which the results of `Context.step` are stored."""


class Context:
    """What a skill gets for one turn: the question, the person who asks, and the services.

    `settings` are the plugin's own settings, validated (the hook `plugin_settings`). `resumed` is
    None until the turn was suspended and resumed. `say` adds a part to the reply.
    """

    def __init__(
        self, turn: CurrentTurn, services: Services, settings: BaseModel | None = None
    ) -> None:
        self._turn = turn
        state = turn.resumed.state if turn.resumed is not None else {}
        self._model_calls = ModelCalls(turn, services.models)
        self._steps: dict[str, Any] = dict(state.get(_STEPS, {}))
        self.services = services
        self.settings = settings
        self.persona = Trusted(turn.settings.persona)
        """The text that an admin set for the bot in this channel."""
        self.say = turn.say

    @property
    def turn(self) -> str:
        """The id of the answer."""
        return self._turn.id

    @property
    def event(self) -> Message | CommandCall:
        """The question: a message or a call of a command."""
        return self._turn.event

    @property
    def asker(self) -> Asker:
        """The person who asks, where, and whether they are an admin."""
        return self._turn.asker

    @property
    def record(self) -> TurnRecord:
        """What is stored with the answer besides its text."""
        return self._turn.record

    @property
    def deadline_s(self) -> float | None:
        """How long the turn may take, in seconds."""
        return self._turn.deadline_s

    @property
    def resumed(self) -> Resumption | None:
        """How the turn was resumed; None if it was not suspended before."""
        return self._turn.resumed

    @property
    def author(self) -> Author:
        """The person who asks."""
        return self.event.author

    @property
    def conversation(self) -> ConversationKey:
        """Where it is asked."""
        return self.event.conversation

    @property
    def attachments(self) -> Sequence[Attachment]:
        """The files that came with the question; `read` gives their text."""
        return self.event.attachments

    @property
    def models(self) -> Models:
        """The language models, and which one is chosen where."""
        return self.services.models

    @property
    def history(self) -> HistoryStore:
        """The stored messages of all conversations; a turn that goes on sees those of its
        beginning."""
        history = self.services.history
        began_before = self.resumed is not None or self._turn.continues is not None
        return history_until(history, self.turn) if began_before else history

    @property
    def knowledge(self) -> Knowledge:
        """The documents of the knowledge bases."""
        return self.services.knowledge

    @property
    def web(self) -> Web:
        """Reads web pages and files safely."""
        return self.services.web

    @property
    def prompts(self) -> Prompts:
        """The prompt templates."""
        return self.services.prompts

    def written(self, call: str) -> str:
        """Return a call such as `/ask how so?` as it is written on this platform, in Markdown."""
        return self.services.written(self.conversation.platform, call)

    async def allowed(self, action: str) -> bool:
        """Whether the person who asks may do something here, e.g. `docs.read:handbook`.

        Actions are commands by name, those of the core, and a plugin's own, such as `polls.close`,
        which everybody may do unless the operator or an admin sets a rule for it.
        """
        return (await self.services.authorize(self.asker, action, self.conversation)).allowed

    async def authorize(self, action: str) -> None:
        """Raise `Denied`, with the reason, unless the person who asks may do this here."""
        decision = await self.services.authorize(self.asker, action, self.conversation)
        if not decision.allowed:
            raise Denied(decision.reason)

    def require(self, check: Check) -> None:
        """Raise `Denied`, with the reason, unless the person who asks passes the check."""
        decision = check.decide(self.asker)
        if not decision.allowed:
            raise Denied(decision.reason)

    async def model(self, name: str | None = None) -> str:
        """Return the name of the model to use: `name`, or the one that the question names, or the
        one that answers this person here.

        Raises `NotFound` if there is no model of that name.
        """
        name = name or self.event.model or None
        if name is None:
            return (await self.models.current(self.conversation, self.author.key))[0]
        if name not in self.models.names():
            raise unknown_model(name, self.models.names())
        return name

    async def read(self, attachment: Attachment) -> Page:
        """Read an attached file as Markdown. Raises `Refused` if it is too large or has no text.

        The text is stored with the question, so that Regenerate works when the file is gone.
        """
        if attachment.text is not None:
            return Page(attachment.name, attachment.title or attachment.name, attachment.text)
        data = await self._fetch(attachment)
        try:
            page = await self.web.read_bytes(attachment.name, data)
        except Refused as error:
            if words := recording_refusal(attachment):
                raise Recording(words) from error
            raise
        self.record.read.append((attachment, page.title, page.text))
        return page

    async def pictures(self, attachment: Attachment, most: int) -> PicturesRead:
        """Read an attached picture, or at most `most` pictures of an attached document, for a model
        with `Capabilities.vision`. Raises `Refused` if it cannot be seen.

        Pictures are not stored; Regenerate fetches the file again from its platform.
        """
        read = await self.web.pictures(attachment.name, await self._fetch(attachment), most)
        if read.pictures and not any(one is attachment for one in self.record.seen):
            self.record.seen.append(attachment)
        return read

    async def _fetch(self, attachment: Attachment) -> bytes:
        """The bytes of an attached file. Raises `Refused` if it is too large, or what the platform
        says."""
        limit = self.services.max_attachment_bytes
        if attachment.size > limit:
            raise Refused(
                say(
                    "{name} has {size:.0f} MB; files up to {limit:.0f} MB are read.",
                    name=attachment.name[:100],
                    size=attachment.size / 1024**2,
                    limit=limit / 1024**2,
                )
            )
        return await attachment.read(limit)

    # --- the reply ----------------------------------------------------------------------------

    async def say_all(self, parts: AsyncIterator[Part]) -> None:
        """Add all parts of an iterator to the reply; one that is a generator is closed."""
        try:
            async for part in parts:
                await self.say(part)
        finally:
            if isinstance(parts, AsyncGenerator):
                await parts.aclose()

    async def write(
        self,
        messages: Sequence[ChatMessage],
        *,
        model: str | None = None,
        sampling: Sampling | None = None,
        cache: str | None = None,
    ) -> None:
        """Call the model and add its answer to the reply; see `generate`."""
        await self.say_all(self.generate(messages, model=model, sampling=sampling, cache=cache))

    async def step(self, name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do a piece of work once, even if the turn is suspended later: `await work()`, or what it
        returned when it was done before. The value must be JSON."""
        if name not in self._steps:
            self._steps[name] = await work()
        return self._steps[name]

    async def suspend(
        self,
        state: Mapping[str, Any] | None = None,
        *,
        until: datetime | None = None,
        buttons: Sequence[tuple[str, str]] = (),
        who: Literal["asker", "admins"] = "asker",
    ) -> NoReturn:
        """Store the turn and end its work, until a button is pressed or the time has come.

        The reply so far is shown with the buttons, each a (value, label). The turn's place in the
        lane, in the limits, and its deadline are given back. When the turn is resumed, also after a
        restart, the skill is called again with the same question and `resumed` set: `state` (JSON)
        comes back there, and steps that were done are not done again. `who` may press: the person
        who asked, or admins. At the latest it is resumed after `MAX_SUSPENSION`.
        """
        stored = {**(state or {}), _STEPS: self._steps} if self._steps else dict(state or {})
        raise suspend_turn(self._turn, stored, until, buttons, who)

    def generate(
        self,
        messages: Sequence[ChatMessage],
        *,
        model: str | None = None,
        sampling: Sampling | None = None,
        cache: str | None = None,
        tools: Sequence[Tool] = (),
        calls: list[ToolCall | UnreadCall] | None = None,
        addresses: AddressFilter | None = None,
    ) -> AsyncGenerator[Part, None]:
        """Call the model and yield `Status` and `Text` parts as they arrive.

        Model and token usage are recorded with the answer. A model that repeats itself is ended,
        with a notice. An answer that reaches its length limit can go on later: the skill is then
        called again, and the model goes on from its own words. Reasoning that a model writes before
        its answer is not yielded as text; with `thinking: show` in the model's configuration it
        comes as a file after the answer. `cache` names the prompt cache to use: by default the
        conversation's, "" for none. `tools` are offered to the model, and its calls are added to
        `calls`, also those that cannot be read; `bot.agent.act` carries them out. Where the prompt
        holds text of others, an address in the answer that stands nowhere in the prompt is shown as
        code and not as a link; `addresses` is another filter for that. Raises `BackendError`, and
        `Failed` if the model wrote nothing but reasoning.
        """
        return self._model_calls.generate(
            partial(self.model, model),
            messages,
            sampling or Sampling(),
            cache=cache,
            tools=tools,
            calls=[] if calls is None else calls,
            addresses=addresses,
        )
