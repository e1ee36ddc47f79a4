"""Opens forms, accepts submitted ones, and returns the values of those that are invalid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import discord
import structlog

from bot.adapters.discord.inbound.form_recovery import (
    build_recovery_direct_message,
    build_recovery_file,
    build_recovery_message,
    read_recovered_values,
)
from bot.adapters.discord.inbound.modal_views import (
    build_form,
    coerce_values,
    form_origin,
    parse_files,
    parse_values,
)
from bot.adapters.discord.outbound.poster import (
    GONE_COMMAND,
    DirectPoster,
    InteractionPoster,
    Poster,
    reply_ephemeral,
)
from bot.adapters.discord.transport import payloads
from bot.adapters.discord.transport.errors import FAILURES
from bot.adapters.form_recovery import ATTACH_FILE_AGAIN
from bot.adapters.forms import ALREADY_SUBMITTED, Forms, validate_form
from bot.catalogue.languages import load_language
from bot.catalogue.sentence import say
from bot.commands.declaration import Command
from bot.events import Attachment
from bot.replies.protocol import Sink
from bot.types import Value

_log = structlog.get_logger(__name__)

Interaction: TypeAlias = "discord.Interaction[Any]"

GONE_FORM = say("This form is from an earlier version and does nothing any more; please ask again.")
NOT_OPENED = say("The form could not be opened; please call the command again.")
_ALREADY_ANSWERED_CODE = 40060


@dataclass(frozen=True, slots=True)
class SubmittedForm:
    """An accepted form: command, typed values and files, as of a slash command."""

    command: Command
    options: Mapping[str, Value] = field(repr=False)
    attachments: tuple[Attachment, ...] = ()


class Modals:
    """Opens Discord's forms, and accepts them."""

    def __init__(self, forms: Forms) -> None:
        self._forms = forms

    async def open(
        self, interaction: Interaction, command: Command, given: Mapping[str, Value]
    ) -> bool:
        """Answer with a form. False where Discord refuses it (it waits three seconds)."""
        locale = str(interaction.locale)
        await load_language(locale)
        modal = build_form(command, interaction.id, given, locale)
        if modal is None:
            return False
        try:
            await interaction.response.send_modal(modal)
        except FAILURES as exc:
            if getattr(exc, "code", 0) == _ALREADY_ANSWERED_CODE:
                return True  # it came twice: the form is open
            _log.info("discord.form_not_opened", command=command.name, error=str(exc)[:200])
            return False
        return True

    async def accept(self, interaction: Interaction) -> SubmittedForm | None:
        """Validate a submitted form; None if it was rejected and the person was told why."""
        sent: Any = interaction.data or {}
        name, opened_by = form_origin(str(sent.get("custom_id", "")))
        filled = parse_values(sent)
        command = await self._forms.command(name)
        if command is None:
            await reply_ephemeral(
                interaction, GONE_COMMAND if name else GONE_FORM, **build_recovery_file(filled)
            )
            return None
        files = parse_files(sent)
        file_hint = ATTACH_FILE_AGAIN if files else ""
        if wrong := validate_form(command, filled):
            sentence = " ".join(wrong.values())[:1800] + file_hint
            await self._return_values(interaction, sentence, name, filled)
            return None
        if not self._forms.submit_once(f"{opened_by}:{interaction.user.id}"):
            await self._return_values(interaction, ALREADY_SUBMITTED + file_hint, name, filled)
            return None
        attachments = payloads.attachments_from_data(files)
        return SubmittedForm(command, coerce_values(command, filled), attachments)

    async def _return_values(
        self, interaction: Interaction, sentence: str, name: str, filled: Mapping[str, Value]
    ) -> bool:
        return await reply_ephemeral(
            interaction, sentence, **build_recovery_message(name, filled)
        ) or await reply_ephemeral(interaction, sentence, **build_recovery_file(filled))

    def make_recovery_sink(
        self,
        interaction: Interaction,
        filled: SubmittedForm,
        sink: Sink,
        posters: Sequence[Poster],
        direct: DirectPoster,
    ) -> Sink:
        """Wrap the reply to a form, so that the values are returned if the command fails.

        `posters` are those of the reply; `direct` is used if the interaction has expired.
        """

        name = filled.command.name

        async def return_values(words: str) -> None:
            if any(
                isinstance(one, InteractionPoster)
                and one.placeholder_replaced
                and not one.is_expired
                for one in posters
            ) and await self._return_values(interaction, words, name, filled.options):
                return
            try:
                await direct.send(build_recovery_direct_message(words, filled.options), "", "")
            except FAILURES as exc:
                _log.warning("discord.form_values_lost", command=name, error=str(exc)[:200])

        return self._forms.recover(
            filled.command, filled.options, sink, return_values, files=bool(filled.attachments)
        )

    async def reopen(self, interaction: Interaction, name: str) -> None:
        """Open a form again with the values of the message's recovery embeds."""
        command = await self._forms.command(name)
        if command is None:
            await reply_ephemeral(interaction, GONE_COMMAND)
            return
        before = read_recovered_values(interaction.message)
        given = {option: value for option, value in before.items() if command.option(option)}
        if not await self.open(interaction, command, given):
            await reply_ephemeral(interaction, NOT_OPENED)
