"""The context that a skill gets for one turn, and the record that it fills in."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    Sequence,
)
from contextlib import aclosing
from dataclasses import dataclass, field

from pydantic import BaseModel

from backends.base import (
    ChatMessage,
    ChatRequest,
    Sampling,
    Usage,
)
from bot.commands.checks import Asker, Check
from bot.errors import Denied, Failed, NotFound, Refused, nearest
from bot.events import Attachment, CommandCall, Message
from bot.history.protocol import HistoryStore
from bot.models.protocol import Models
from bot.prompting.foreign_text import Trusted
from bot.prompting.repetition_guard import REPETITION_NOTICE, RepetitionGuard
from bot.skills.services import Knowledge, Prompts, Services, Web
from bot.types import Author, ConversationKey, Explanation, File, Notice, Part, Status, Text
from bot.values import Page


@dataclass(slots=True)
class TurnRecord:
    """What is stored with an answer besides its text; filled in while the skill runs."""

    model: str = ""
    usage: Usage | None = None
    explanation: Explanation | None = None
    read: list[tuple[Attachment, str, str]] = field(default_factory=list, repr=False)
    """The files that were read, each with its title and text; stored with the question."""

    def add(self, usage: Usage) -> None:
        """Add the usage of one more model call of the same turn."""
        old = self.usage
        if old is None:
            self.usage = usage
            return
        self.usage = Usage(
            *(getattr(old, f) + getattr(usage, f) for f in Usage.__dataclass_fields__)
        )


@dataclass(slots=True)
class Context:
    """What a skill gets for one turn: the event, the person who asks, and the services.

    `turn` is the id of the answer. `deadline_s` is how long the turn may take, in seconds.
    `persona` is the text that an admin set for the bot in this channel.
    """

    event: Message | CommandCall
    turn: str
    asker: Asker
    services: Services = field(repr=False)
    settings: BaseModel | None = None
    """The plugin's own settings, validated (the hook `plugin_settings`)."""
    persona: str = ""
    record: TurnRecord = field(default_factory=TurnRecord)
    deadline_s: float | None = None

    def __post_init__(self) -> None:
        self.persona = Trusted(self.persona)

    @property
    def author(self) -> Author:
        """The person who asks."""
        return self.event.author

    @property
    def conversation(self) -> ConversationKey:
        """Where the question was asked."""
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
        """The stored messages of all conversations."""
        return self.services.history

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

    def require(self, check: Check) -> None:
        """Raise `Denied` unless the person who asks passes the check."""
        if not check(self.asker):
            raise Denied(f"This needs {check.reason}.")

    async def model(self, name: str | None = None) -> str:
        """Return the name of the model to use: `name`, or the model chosen for this conversation.

        Raises `NotFound` if there is no model of that name.
        """
        if name is None:
            return (await self.models.current(self.conversation))[0]
        if name not in self.models.names():
            near = nearest(name, self.models.names())
            hint = f" Did you mean {near}?" if near else ""
            raise NotFound(f"There is no model named {name!r:.60}.{hint} See /model list.")
        return name

    async def read(self, attachment: Attachment) -> Page:
        """Read an attached file as Markdown. Raises `Refused` if it is too large or has no text.

        The text is stored with the question, so that Regenerate works when the file is gone.
        """
        if attachment.text is not None:
            return Page(attachment.name, attachment.title or attachment.name, attachment.text)
        limit = self.services.max_attachment_bytes
        if attachment.size > limit:
            raise Refused(
                f"{attachment.name:.100} has {attachment.size / 1024**2:.0f} MB; "
                f"files up to {limit / 1024**2:.0f} MB are read."
            )
        page = await self.web.read_bytes(attachment.name, await attachment.read(limit))
        self.record.read.append((attachment, page.title, page.text))
        return page

    async def generate(
        self,
        messages: Sequence[ChatMessage],
        *,
        model: str | None = None,
        sampling: Sampling | None = None,
        cache: str | None = None,
    ) -> AsyncGenerator[Part, None]:
        """Call the model and yield `Status` and `Text` parts as they arrive.

        Model and token usage are recorded with the answer. A model that repeats itself is ended,
        with a notice. Reasoning that a model writes before its answer is not yielded as text; with
        `thinking: show` in the model's configuration it comes as a file after the answer. `cache`
        names the prompt cache to use: by default the conversation's, "" for none. Raises
        `BackendError`, and `Failed` if the model wrote nothing but reasoning.
        """
        name = await self.model(model)
        self.record.model = name
        request = ChatRequest(
            messages=tuple(messages),
            sampling=sampling or Sampling(),
            conversation=str(self.conversation) if cache is None else cache or None,
            person=self.author.key,
            channel=self.conversation.scope("channel"),
            deadline_s=self.deadline_s,
        )
        guard = RepetitionGuard()
        thinks = answers = False
        thoughts: list[str] = []
        usage: Usage | None = None
        async with aclosing(self.models.chat(name, request)) as chunks:
            async for chunk in chunks:
                if (p := chunk.progress) is not None:
                    thinks = thinks or p.stage == "thinking"
                    yield Status(
                        p.stage,
                        position=p.position,
                        wait_s=p.wait_s,
                        tokens=p.tokens,
                        elapsed_s=p.elapsed_s,
                    )
                if chunk.thinking:
                    thoughts.append(chunk.thinking)
                if chunk.text:
                    answers = answers or bool(chunk.text.strip())
                    yield Text(chunk.text)
                if chunk.usage is not None:
                    usage = chunk.usage
                    self.record.add(usage)
                elif guard.feed(chunk.text):
                    yield Notice(REPETITION_NOTICE, kind="footer")
                    break
        if thoughts:
            yield File("thoughts.md", "".join(thoughts).strip().encode())
        if thinks and not answers:
            written = f"{usage.completion_tokens:,} tokens" if usage is not None else "some time"
            raise Failed(
                f"{name} only thought, for {written}, and came to no answer; ask for less at once, "
                "or choose another model with /model."
            )
