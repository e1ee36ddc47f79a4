"""Routes an event to the skill that handles it, and runs that skill."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import BaseModel

from bot.catalogue.sentence import say
from bot.commands.authorization import UNKNOWN_ANSWER
from bot.commands.checks import Asker
from bot.commands.declaration import MAX_TEXT_CHARACTERS, Command, check_text
from bot.commands.parsing import find_command, main_option, parse_options, split_command
from bot.errors import NotFound, UsageError
from bot.events import CommandCall, ContextMessage, Message
from bot.skills.button_press import ButtonPress
from bot.skills.context import Context
from bot.skills.permitted_services import permit
from bot.skills.services import Services, tools_for
from bot.skills.skill import Skill
from bot.turns.tool_route import TOOL_CALL_PREFIX, tool_route
from bot.turns.turn import Route, Turn
from bot.types import Value

_URL = re.compile(r"https?://[^\s<>|\"']+")
_ADDRESSES = frozenset({"url", "link", "address", "page", "location", "source"})
"""Names of options that take the URL found in a message instead of its whole text."""


class Router:
    """Chooses the skill that answers an event, and runs it.

    `settings` are the validated settings of each plugin, by skill name; `max_chars` is the longest
    message in characters.
    """

    def __init__(
        self,
        skills: Sequence[Skill],
        services: Services,
        *,
        settings: Mapping[str, BaseModel | None] | None = None,
        max_chars: int = MAX_TEXT_CHARACTERS,
    ) -> None:
        self._services = services
        self._settings = settings or {}
        self._max_chars = max_chars
        self._answerers = sorted(
            (skill for skill in skills if skill.answer is not None), key=lambda s: s.priority
        )
        self._owners: dict[str, str] = {}
        commands: list[Command] = []
        for skill in skills:
            for command in skill.commands:
                if command.name not in self._owners:
                    self._owners[command.name] = skill.name
                    commands.append(command)
        self.commands: tuple[Command, ...] = tuple(commands)

    def read(self, event: Message | CommandCall) -> Message | CommandCall:
        """Return the call that a message writes, such as `/ask how so?` or `stop`; any other event
        as it is."""
        if isinstance(event, CommandCall):
            return event
        name, rest = split_command(event.text, self._owners)
        if not name:
            return event if rest == event.text.strip() else replace(event, text=rest)
        return CommandCall(
            event.id,
            event.conversation,
            event.author,
            name,
            text=rest,
            direct=event.direct,
            attachments=event.attachments,
            context=event.context,
            at=event.at,
            earlier=event.earlier,
            occasion=event.occasion,
            model=event.model,
        )

    def answers_in_place(self, text: str, *, files: bool = False) -> bool:
        """Whether a message is answered where it stands, rather than in a thread of its own: it
        holds nothing, or calls a quick command, or one that does not exist."""
        name, rest = split_command(text, self._owners)
        if not name:
            return not rest and not files
        return all(bool(command.quick) for command in self.commands if command.name == name)

    def resolve(self, event: Message | CommandCall) -> Route:
        """Choose the skill for an event and check its input. Raises `UsageError` or `NotFound`."""
        if isinstance(event, CommandCall):
            return self._command(event)
        return self._message(event)

    def actions_of(self, event: Message | CommandCall) -> tuple[str, ...]:
        """What a person must be allowed to do, before they are told what is wrong with an input."""
        if isinstance(event, Message):
            return ("message",)
        return tuple(c.name for c in self.commands if c.name == event.name.lower())

    async def run(self, turn: Turn) -> None:
        """Run the skill of a turn, which sends its reply with `Context.say`, or yields parts."""
        assert turn.route is not None
        context = Context(
            turn, permit(self._services, turn.asker), self._settings.get(turn.route.skill)
        )
        try:
            answered = turn.route.run(context, **turn.route.options)
            if inspect.isawaitable(answered):
                await answered
            else:
                await context.say_all(answered)
        except SystemExit as error:  # raised in a task, it would end the process
            raise RuntimeError(f"skill {turn.route.skill} tried to end the process") from error

    async def press(self, command: str, turn: str, value: str, asker: Asker, *, own: bool) -> str:
        """Have a command answer the press of a button below its answer `turn`; returns what the
        person is told. Raises `NotFound` if the command answers no buttons."""
        pressed = next((c.pressed for c in self.commands if c.name == command), None)
        if pressed is None:
            raise NotFound(UNKNOWN_ANSWER)
        try:
            return await pressed(
                ButtonPress(turn, value, asker, own, permit(self._services, asker))
            )
        except SystemExit as error:  # raised in a task, it would end the process
            raise RuntimeError(f"/{command} tried to end the process") from error

    def _command(self, call: CommandCall) -> Route:
        if call.name.startswith(TOOL_CALL_PREFIX):
            offered = tools_for(self._services.tools, call.author.key)
            return tool_route(call, offered)
        command = find_command(call.name, self.commands)
        given: dict[str, Value] = dict(call.options)
        if call.text is not None:
            given = {**parse_options(call.text, command), **given}
        if call.target is not None:
            _fill_from_target(command, call.target, given)
        return Route(
            skill=self._owners[command.name],
            run=command.handler,
            command=command,
            options=command.bind(given),
            text=_describe_call(command, given),
            actions=(command.name, *_choosing(call)),
            private=call.target is None and command.is_private(given),
        )

    def _message(self, message: Message) -> Route:
        empty = not message.text.strip() and not message.attachments
        answerers = [one for one in self._answerers if not empty or one.wants is not None]
        check_text(message.text, say("Your message"), self._max_chars)
        for skill in answerers:
            if skill.wants is None or skill.wants(message):
                assert skill.answer is not None
                return Route(
                    skill=skill.name,
                    run=skill.answer,
                    text=message.text,
                    actions=(*skill.message_actions, *_choosing(message)),
                    at_once=skill.quick,
                )
        if empty:
            raise UsageError(say("Your message is empty; ask me something."))
        raise NotFound(say("No skill here answers messages; see /help for the commands."))


def _choosing(event: Message | CommandCall) -> tuple[str, ...]:
    """What a person must be allowed to do besides, who names the model for one question: what they
    must be to choose it for themselves with /model."""
    if not event.model:
        return ()
    here = Asker(event.author, event.conversation, event.direct).here
    return ("model", f"model.use:{here}")


def _fill_from_target(command: Command, target: ContextMessage, given: dict[str, Value]) -> None:
    """Fill the first text option from the message whose context menu was used."""
    text = target.text.strip() or next((a.name for a in target.attachments), "")
    if not text:
        raise UsageError(say("That message holds neither text nor a file; choose another one."))
    texts = [o for o in command.options if o.kind == "str" and not o.choices]
    option = next((o for o in texts if o.required), texts[0] if texts else None)
    if option is not None:
        found = _URL.search(text) if option.name in _ADDRESSES else None
        value = found.group().rstrip(".,;:!?)") if found else text
        given.setdefault(option.name, value[: option.max_length])  # the whole is in the target


def _describe_call(command: Command, given: Mapping[str, Value]) -> str:
    main = main_option(command)
    if main is not None and main.name in given:
        return str(given[main.name])
    return " ".join([f"/{command.name}", *(f"{name}={value}" for name, value in given.items())])
