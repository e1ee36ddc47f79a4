"""What the forms of all platforms share: when one opens, whether what was typed is valid, and that
it is given back where nothing came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from backends.lru import LruDict
from bot.adapters.form_recovery import ATTACH_FILE_AGAIN, FormRecoverySink, has_typed_values
from bot.adapters.protocol import Core
from bot.catalogue.sentence import say
from bot.commands.declaration import Command
from bot.errors import MissingOption, UsageError
from bot.replies.protocol import Sink
from bot.types import Author, ConversationKey, Value

ALREADY_SUBMITTED = say("This form was sent already; its answer is in the channel.")
_MAX_REMEMBERED_FORMS = 1000


class Forms:
    """Decides about the forms of one platform, and remembers the latest submitted ones."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._submitted: LruDict[str, None] = LruDict(_MAX_REMEMBERED_FORMS)

    async def command(self, name: str) -> Command | None:
        """The command of that name, or the form of an inquiry."""
        known = (c for c in self._core.commands if c.name == name)
        return next(known, None) or await self._core.inquiry_form(name)

    def submit_once(self, form: str) -> bool:
        """Record a form, by its id on the platform, as submitted. Returns False if it was recorded
        before."""
        if form in self._submitted:
            return False
        self._submitted[form] = None
        return True

    async def may_open(
        self,
        command: Command,
        author: Author,
        conversation: ConversationKey,
        *,
        direct: bool,
    ) -> bool:
        """Whether a form may open for a person: there is none for whoever may not use the command,
        who is told so instead."""
        if not self._core.admits(author, conversation, command.name):
            return False
        return await self._core.may_use(command.name, author, conversation, direct=direct)

    def recover(
        self,
        command: Command | None,
        values: Mapping[str, Value],
        sink: Sink,
        return_values: Callable[[str], Awaitable[None]],
        *,
        files: bool,
    ) -> Sink:
        """Wrap the reply to a form, so that the values are returned if nothing comes of them.

        `return_values` is given the sentence to say with them; `files` says that there were files,
        which have to be attached again.
        """
        if not has_typed_values(command, values):
            return sink
        hint = ATTACH_FILE_AGAIN if files else ""
        return FormRecoverySink(sink, lambda sentence: return_values(sentence + hint))


def needs_form(command: Command, given: Mapping[str, Value], *, files: bool = False) -> bool:
    """Whether a call lacks something that a form asks for; other errors go into the answer."""
    try:
        command.bind(given)
    except MissingOption:
        return True
    except UsageError:
        return False
    return not files and command.form is not None and command.form(given)


def validate_form(command: Command, given: Mapping[str, Value]) -> dict[str, str]:
    """Check the values of a form. Returns one sentence for each invalid field, by option name."""
    wrong: dict[str, str] = {
        name: say(
            "/{name} has no option {option} any more; please open the form again.",
            name=command.name,
            option=name[:40],
        )
        for name in given
        if command.option(name) is None
    }
    for option in command.options:
        try:
            if option.name in given:
                option.coerce(given[option.name])
            elif option.required:
                raise UsageError(say("{name} is missing.", name=option.name))
        except UsageError as exc:
            wrong[option.name] = str(exc)
    return wrong
