"""Permission checks: predicates on the person who asks, combined with `&`, `|` and `~`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bot.catalogue.sentence import say
from bot.types import Author, ConversationKey, Scope


@dataclass(frozen=True, slots=True)
class Asker:
    """The person who asks, where, whether in a direct message, and whether they are an admin."""

    author: Author
    conversation: ConversationKey
    direct: bool = False
    admin: bool = False

    @property
    def here(self) -> Scope:
        """The scope that "here" means to them: the thread; the whole of a direct conversation;
        elsewhere the person alone in this channel. A choice for it needs no admin."""
        if self.direct:
            return "channel"
        return "person" if self.conversation.thread is None else "conversation"

    def at(self, place: ConversationKey) -> Asker:
        """The same person in another conversation, which is direct only if it is this one's."""
        if place == self.conversation:
            return self
        same = place.scope("channel") == self.conversation.scope("channel")
        return replace(self, conversation=place, direct=self.direct and same)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a person may do something; `reason` is the sentence that a refused person reads."""

    allowed: bool
    reason: str = ""


ALLOWED = Decision(True)


@dataclass(frozen=True, slots=True)
class Check:
    """A predicate on an `Asker`. A refusal reads: 'This needs {reason}.', unless `refusal` is a
    sentence of its own.

    `roles` are the role ids that it looks at, so that a platform knows whether to ask for them.
    """

    test: Callable[[Asker], bool] = field(repr=False)
    reason: str
    refusal: str = ""
    roles: frozenset[str] = frozenset()

    def __call__(self, asker: Asker) -> bool:
        return self.test(asker)

    def decide(self, asker: Asker) -> Decision:
        """The same with the sentence for a person who does not pass."""
        if self.test(asker):
            return ALLOWED
        return Decision(False, self.refusal or say("This needs {reason}.", reason=self.reason))

    def __and__(self, other: Check) -> Check:
        reason = f"{self.reason} and {other.reason}"
        return Check(lambda a: self(a) and other(a), reason, roles=self.roles | other.roles)

    def __or__(self, other: Check) -> Check:
        reason = f"{self.reason} or {other.reason}"
        return Check(lambda a: self(a) or other(a), reason, roles=self.roles | other.roles)

    def __invert__(self) -> Check:
        return Check(
            lambda a: not self(a), say("not {reason}", reason=self.reason), roles=self.roles
        )


is_admin = Check(lambda a: a.admin, say("an admin"), say("Only admins can do this."))
"""The person is an admin here."""
in_direct_message = Check(
    lambda a: a.direct, say("a direct message"), say("This is for direct messages alone.")
)
"""The person asks in a direct message."""
at_this_machine = Check(
    lambda a: a.conversation.platform == "terminal", say("the terminal of this machine")
)
"""The person sits at the machine that Parlance runs on: they may name its files."""
anyone = Check(lambda a: True, say("anyone"))
"""Everybody passes."""


def has_role(*roles: str) -> Check:
    """Return a check that a person has at least one of these role ids of the platform (on Slack:
    ids of user groups)."""
    wanted = frozenset(roles)
    reason = say("the role {roles}", roles=" or ".join(roles))
    return Check(lambda a: bool(wanted & a.author.roles), reason, roles=wanted)


def is_user(*keys: str) -> Check:
    """Return a check that a person is one of these, given as `platform:id`."""
    wanted = frozenset(keys)
    return Check(lambda a: a.author.key in wanted, say("one of {keys}", keys=", ".join(keys)))
