"""Decides who may do what: `await authorize(asker, action, place)` is asked for everything.

An action is a name, with an argument after a colon where there are several of a kind:

    ask, chat, docs, …            a command, however it is called: written, in a form, from a menu
    message                       free text
    docs.read:BASE                reading the documents of a knowledge base, on whatever way
    docs.add:BASE, docs.remove:BASE, docs.feedback
    button:NAME                   a button under an answer (`stop`, `regenerate`, `source` …)
    settings.change:SCOPE         changing a setting (`channel`, `workspace`, `default` …)
    model.use:SCOPE               choosing the model
    model.pull                    fetching another model
    tool:NAME                     a tool that a model calls
    memory.channel                keeping facts for everybody in a channel
    polls.close                   whatever a plugin asks for; its own names have a dot

A rule for a name holds for all its arguments, unless the argument has a rule of its own.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, get_args

from bot.catalogue.sentence import say
from bot.commands.checks import ALLOWED, Asker, Decision, is_admin
from bot.commands.declaration import Command
from bot.types import ActionName, ConversationKey, Scope

PHRASES: Final[Mapping[str, str]] = {
    "message": say("write to me"),
    "docs.read": say("read these documents"),
    "docs.add": say("add documents"),
    "docs.remove": say("remove documents"),
    "docs.feedback": say("see what people said of the documents"),
    "button": say("use this button"),
    "settings.change": say("change settings"),
    "model.use": say("choose the model"),
    "model.pull": say("fetch models"),
    "tool": say("have this tool used"),
    "memory.channel": say("have me remember things for this channel"),
}
"""The actions that are no commands, by name; a refusal reads 'You may not {phrase} here.'"""

_WORDS_BY_NAME: Final[Mapping[str, frozenset[str]]] = {
    "button": frozenset(get_args(ActionName)),
    "settings.change": frozenset(get_args(Scope)),
    "model.use": frozenset(get_args(Scope)),
}
_WITH_ARGUMENT = frozenset({"docs.read", "docs.add", "docs.remove", "tool", *_WORDS_BY_NAME})
_CORE_PREFIXES = frozenset(name.partition(".")[0] for name in PHRASES if "." in name)
_ACTION = re.compile(r"[a-z0-9][a-z0-9_-]*(?:\.[a-z0-9][a-z0-9_-]*)?(?::[^\s:](?:.*\S)?)?")
_MAX_ACTION_CHARACTERS = 200

_OWN_SCOPES: frozenset[Scope] = frozenset({"conversation", "person"})
_ADMINS_ALONE = frozenset(
    {"docs.add", "docs.remove", "docs.feedback", "memory.channel", "model.pull"}
)
_BY_SCOPE = frozenset({"settings.change", "model.use"})

UNKNOWN_ANSWER = say("This answer is no longer known here; please ask again.")
_OWN_BUTTONS: Final[Mapping[str, str]] = {
    "stop": say("Only the person who asked, or an admin, can stop this answer."),
    "regenerate": say("Only the person who asked, or an admin, can have this answered again."),
    "continue": say("Only the person who asked, or an admin, can have this answer go on."),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What an action is done to: whose it is (`Author.key`), and where it is."""

    owner: str = ""
    place: ConversationKey | None = None


class Authorize(Protocol):
    """The one question that is asked before anything is done for a person."""

    async def __call__(
        self,
        asker: Asker,
        action: str,
        place: ConversationKey,
        subject: Subject | None = None,
    ) -> Decision:
        """Decide whether `asker` may do `action` in `place`, to `subject` where it is about an
        answer."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """One question, split for a `StandingRule`; the asker's conversation is the place. `ruled`:
    somebody has set a rule for exactly this action, and it allows it."""

    asker: Asker
    name: str
    argument: str
    subject: Subject | None
    ruled: bool = False


StandingRule: TypeAlias = Callable[[Request], Awaitable[Decision | None]]
"""A rule that always holds for the actions of a name. None: it has nothing to say."""

Rules: TypeAlias = Callable[[str, Asker], Awaitable[bool | None]]
"""`await rules(action, asker)`: what was set for exactly this action here. None: nothing was."""


def check_action(action: str) -> str:
    """Return the action if rules can be set for it. Raises `ValueError`, which says why not."""
    name, _, argument = action.partition(":")
    if len(action) > _MAX_ACTION_CHARACTERS or _ACTION.fullmatch(action) is None:
        raise ValueError("must be the name of a command, or of an action such as docs.read:BASE")
    if name not in PHRASES and name.partition(".")[0] in _CORE_PREFIXES and "." in name:
        raise ValueError(f"there is no such action; there are: {', '.join(PHRASES)}")
    if argument and name not in _WITH_ARGUMENT and "." not in name:
        raise ValueError("nothing may follow this name")
    words = _WORDS_BY_NAME.get(name)
    if argument and words is not None and argument not in words:
        raise ValueError(f"must be one of {', '.join(f'{name}:{one}' for one in sorted(words))}")
    return action


def list_actions(bases: Sequence[str]) -> tuple[str, ...]:
    """The actions that are no commands, those for all of a kind first; `bases` are the names of the
    knowledge bases."""
    parts = {name: sorted(words) for name, words in _WORDS_BY_NAME.items()}
    parts |= {name: list(bases) for name in ("docs.read", "docs.add", "docs.remove")}
    return (*PHRASES, *(f"{name}:{part}" for name, words in parts.items() for part in words))


def describe_action(action: str) -> str:
    """Say what an action does, as it follows 'you may': 'use /ask', 'write to me'."""
    name = action.partition(":")[0]
    return PHRASES.get(name) or (say("do this") if "." in name else say("use /{name}", name=name))


class Authorizer:
    """Implements `Authorize`: rules that were set, the command's own check, standing rules.

    All must allow an action. `rules` says what the operator and the admins set; where they set
    nothing, adding and removing documents, and choosing for others, are for admins. `commands`
    have their own checks; `standing` are rules by the name of an action.
    """

    def __init__(
        self,
        commands: Iterable[Command] = (),
        rules: Rules | None = None,
        standing: Mapping[str, StandingRule] | None = None,
    ) -> None:
        self._checks = {c.name: c.check for c in reversed(tuple(commands))}  # the first one counts
        self._rules = rules
        self._standing: dict[str, StandingRule] = {"button": decide_button, **(standing or {})}

    async def __call__(
        self,
        asker: Asker,
        action: str,
        place: ConversationKey,
        subject: Subject | None = None,
    ) -> Decision:
        asker = asker.at(place)
        name, _, argument = action.partition(":")
        own = await self._rule(action, asker)
        rule = await self._rule(name, asker) if own is None and name != action else own
        if rule is False:
            return Decision(
                False,
                say("You may not {action} here.", action=describe_action(action)),
            )
        check = self._checks.get(action)
        if check is not None and not (decision := check.decide(asker)).allowed:
            return decision
        standing = self._standing.get(name)
        if standing is not None:
            ruled = await standing(Request(asker, name, argument, subject, own is True))
            if ruled is not None:
                return ruled
        if rule is None and _is_for_admins(name, argument, asker):
            return is_admin.decide(asker)
        return ALLOWED

    async def _rule(self, action: str, asker: Asker) -> bool | None:
        return None if self._rules is None else await self._rules(action, asker)


def own_scopes(asker: Asker) -> frozenset[Scope]:
    """The scopes in which people choose for themselves; a choice for others needs an admin."""
    return _OWN_SCOPES | {"channel"} if asker.direct else _OWN_SCOPES


def _is_for_admins(name: str, argument: str, asker: Asker) -> bool:
    return name in _ADMINS_ALONE or (name in _BY_SCOPE and argument not in own_scopes(asker))


async def decide_button(request: Request) -> Decision | None:
    """A button works where its answer can be seen; Stop and Regenerate are for whoever asked.

    An answer can be seen in its channel, and by the person who asked where it was sent to them
    directly. This must be checked, because a turn's id is not secret.
    """
    subject, asker, button = request.subject, request.asker, request.argument
    if subject is None:
        return None
    own = subject.owner == asker.author.key
    if button != "stop" and not _is_visible(asker, subject, own=own):
        return Decision(False, UNKNOWN_ANSWER)
    if button in _OWN_BUTTONS and not own and not asker.admin:
        return Decision(False, _OWN_BUTTONS[button])
    return ALLOWED


def _is_visible(asker: Asker, subject: Subject, *, own: bool) -> bool:
    there, here = subject.place, asker.conversation
    if there is None:
        return False
    if there.scope("channel") == here.scope("channel"):
        return True
    return own and asker.direct and there.scope("workspace") == here.scope("workspace")
