"""Forms at work: opened, sent, and given back where something in them is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import discord
import structlog

from bot.adapters.discord.inbound.form_recovery import (
    as_file,
    handed_back,
    in_direct_message,
    typed_before,
)
from bot.adapters.discord.inbound.modal_views import files_in, filled_in, form, place_of, typed
from bot.adapters.discord.outbound.poster import (
    GONE_COMMAND,
    DirectOutlet,
    InteractionOutlet,
    Outlet,
    tell,
)
from bot.adapters.discord.transport import payloads
from bot.adapters.discord.transport.errors import FAILURES
from bot.adapters.form_recovery import ATTACH_AGAIN, GivesBack, worth_keeping
from bot.adapters.form_validation import SENT_TWICE, Sent, mistakes
from bot.adapters.protocol import Core
from bot.commands.declaration import Command
from bot.events import Attachment
from bot.replies.protocol import Sink
from bot.types import Value

_log = structlog.get_logger(__name__)

Interaction: TypeAlias = "discord.Interaction[Any]"

GONE_FORM = "This form is from an earlier version and does nothing any more; please ask again."
NOT_OPENED = "The form could not be opened; please call the command again."
_ANSWERED = 40060


@dataclass(frozen=True, slots=True)
class Filled:
    """A form that was sent, and accepted: the call that a slash command would have been."""

    name: str
    options: Mapping[str, Value] = field(repr=False)
    attachments: tuple[Attachment, ...] = ()


class Modals:
    """Opens forms and takes them back. Of one that was sent its id is remembered for a while."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._sent = Sent()

    def command(self, name: str) -> Command | None:
        """The command of that name."""
        return next((c for c in self._core.commands if c.name == name), None)

    async def open(
        self, interaction: Interaction, command: Command, given: Mapping[str, Value]
    ) -> bool:
        """Answer with a form. False where Discord does not take it (it waits three seconds)."""
        modal = form(command, interaction.id, given)
        if modal is None:
            return False
        try:
            await interaction.response.send_modal(modal)
        except FAILURES as exc:
            if getattr(exc, "code", 0) == _ANSWERED:
                return True  # it came twice: the form is open
            _log.info("discord.no_form", command=command.name, error=str(exc)[:200])
            return False
        return True

    async def take(self, interaction: Interaction) -> Filled | None:
        """What a form that was sent asks for; None where the person was told why not."""
        sent: Any = interaction.data or {}
        name, opened_by = place_of(str(sent.get("custom_id", "")))
        filled = filled_in(sent)
        command = self.command(name)
        if command is None:
            await tell(interaction, GONE_COMMAND if name else GONE_FORM, **as_file(filled))
            return None
        files = files_in(sent)
        again = ATTACH_AGAIN if files else ""
        if wrong := mistakes(command, filled):
            sentence = " ".join(wrong.values())[:1800] + again
            await self._give_back(interaction, sentence, name, filled)
            return None
        if not self._sent.is_first(f"{opened_by}:{interaction.user.id}"):
            await self._give_back(interaction, SENT_TWICE + again, name, filled)
            return None
        attachments = payloads.attachments_described(files)
        return Filled(name, typed(command, filled), attachments)

    async def _give_back(
        self, interaction: Interaction, sentence: str, name: str, filled: Mapping[str, Value]
    ) -> bool:
        return await tell(interaction, sentence, **handed_back(name, filled)) or await tell(
            interaction, sentence, **as_file(filled)
        )

    def giving_back(
        self,
        interaction: Interaction,
        filled: Filled,
        sink: Sink,
        outlets: Sequence[Outlet],
        direct: DirectOutlet,
    ) -> Sink:
        """The reply to a form, which gives back what was typed where nothing comes of it.

        `outlets` are those of the reply; `direct` is for when the interaction cannot be used.
        """
        if not worth_keeping(self.command(filled.name), filled.options):
            return sink

        async def give_back(sentence: str) -> None:
            words = sentence + (ATTACH_AGAIN if filled.attachments else "")
            if any(
                isinstance(one, InteractionOutlet) and one.settled and not one.expired
                for one in outlets
            ) and await self._give_back(interaction, words, filled.name, filled.options):
                return
            try:
                await direct.send(in_direct_message(words, filled.options), "", "")
            except FAILURES as exc:
                _log.warning("discord.typed_lost", command=filled.name, error=str(exc)[:200])

        return GivesBack(sink, give_back)

    async def again(self, interaction: Interaction, name: str) -> None:
        """Open a form once more, with what was typed into it."""
        command = self.command(name)
        if command is None:
            await tell(interaction, GONE_COMMAND)
            return
        before = typed_before(interaction.message)
        given = {option: value for option, value in before.items() if command.option(option)}
        if not await self.open(interaction, command, given):
            await tell(interaction, NOT_OPENED)
