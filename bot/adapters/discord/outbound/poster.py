"""Posts, edits and deletes messages in a channel, through an interaction, or directly."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any, Protocol

import discord
import structlog
from discord.http import handle_message_parameters
from discord.webhook.async_ import async_context

from bot.adapters.discord.outbound.buttons import build_button_view
from bot.adapters.discord.outbound.client_holder import ClientHolder
from bot.adapters.discord.outbound.render import Payload
from bot.adapters.discord.transport.errors import FAILURES
from bot.adapters.discord.transport.rate_limits import EDITS
from bot.catalogue.languages import load_language, translate
from bot.catalogue.sentence import say
from bot.replies.edit_budget import EditBudget

_log = structlog.get_logger(__name__)

_MAX_NONCE_CHARS = 25
NO_PINGS = discord.AllowedMentions.none()
NO_PREVIEWS = discord.MessageFlags(suppress_embeds=True)
"""A preview fetches an address that the model wrote, maybe because a document told it to."""
GONE_COMMAND = say("This command is no longer there; /help lists those that are.")


class Poster(Protocol):
    """Posts and changes messages in one place. Every call can raise one of `FAILURES`."""

    channel: int

    async def send(self, payload: Payload, turn: str, nonce: str) -> int:
        """Post; returns the message's id. The same nonce posts once, where the platform can."""
        ...

    async def edit(self, message: int, payload: Payload, turn: str) -> None:
        """Replace the content, buttons and files of a message."""
        ...

    async def delete(self, message: int) -> None:
        """Delete a message."""
        ...


def _files(payload: Payload) -> list[discord.File]:
    return [discord.File(io.BytesIO(f.data), filename=f.name) for f in payload.files]


def _send_options(payload: Payload, turn: str) -> dict[str, Any]:
    """Arguments to send a payload; those that are not needed are left out."""
    options: dict[str, Any] = {
        "content": payload.content,
        "allowed_mentions": NO_PINGS,
        "suppress_embeds": True,
    }
    view = build_button_view(payload.buttons, turn)
    if view is not None:
        options["view"] = view
    if payload.files:
        options["files"] = _files(payload)
    return options


def _edit_options(payload: Payload, turn: str) -> dict[str, Any]:
    """Arguments of an edit for `handle_message_parameters`.

    discord.py's own edit methods take no flags, and an edit without them brings previews back.
    """
    changes: dict[str, Any] = {
        "content": payload.content,
        "view": build_button_view(payload.buttons, turn),
        "allowed_mentions": NO_PINGS,
        "flags": NO_PREVIEWS,
    }
    if payload.files:
        changes["attachments"] = _files(payload)
    return changes


class ChannelPoster:
    """Posts messages in a channel or thread; the first one replies to `prompt`, if given."""

    def __init__(
        self, client_holder: ClientHolder, channel: int, prompt: int | None = None
    ) -> None:
        self.channel = channel
        self.reply_options = client_holder.reply_options
        self._client_holder = client_holder
        self._prompt = prompt

    async def send(self, payload: Payload, turn: str, nonce: str) -> int:
        options = _send_options(payload, turn)
        if self._prompt is not None:
            options["reference"] = discord.MessageReference(
                message_id=self._prompt, channel_id=self.channel, fail_if_not_exists=False
            )
            options["mention_author"] = False
        target = (await self._client_holder.client()).get_partial_messageable(self.channel)
        if nonce:  # without one discord.py draws its own, which no other message has
            options["nonce"] = nonce
        message = await target.send(**options)
        self._prompt = None  # only the first message of an answer is a reply
        return message.id

    async def edit(self, message: int, payload: Payload, turn: str) -> None:
        client = await self._client_holder.client()
        with handle_message_parameters(**_edit_options(payload, turn)) as changes:
            await client.http.edit_message(self.channel, message, params=changes)

    async def delete(self, message: int) -> None:
        target = (await self._client_holder.client()).get_partial_messageable(self.channel)
        await target.get_partial_message(message).delete()

    def answers(self, message: str) -> bool:
        """Whether the first message that is posted will be a reply to this one."""
        return str(self._prompt) == message

    async def react(self, message: int, emoji: str, instead_of: str | None) -> None:
        """Put an emoji to a message, and take an earlier one of ours away."""
        client = await self._client_holder.client()
        asked = client.get_partial_messageable(self.channel).get_partial_message(message)
        if instead_of is not None and client.user is not None:
            await asked.remove_reaction(instead_of, client.user)
        await asked.add_reaction(emoji)

    @property
    def edits(self) -> EditBudget:
        """What Discord takes of edits in the channel."""
        return self._client_holder.budgets.budget(f"{self.channel} edits", EDITS)

    async def typing(self) -> None:
        """Show that something is being written; Discord takes it away after ten seconds."""
        await (await self._client_holder.client()).get_partial_messageable(self.channel).typing()


class InteractionPoster:
    """Posts replies to an interaction with its token, which works for `life_s` seconds.

    Only the person who acted sees what is `private`.
    """

    def __init__(
        self,
        client_holder: ClientHolder,
        application: int,
        token: str,
        channel: int,
        life_s: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        private: bool = False,
    ) -> None:
        self.channel = channel
        self._private = private
        self._client_holder = client_holder
        self._application = application
        self._token = token
        self._clock = clock
        self._expires = clock() + life_s
        self.placeholder_replaced = False
        """Whether the placeholder of a deferral is filled or taken away. Until then whatever is
        sent takes its place, for everybody to see."""

    @property
    def is_expired(self) -> bool:
        """Whether the interaction's token is too old to be used."""
        return self._clock() >= self._expires

    async def send(self, payload: Payload, turn: str, nonce: str) -> int:
        message = await (await self._webhook()).send(
            wait=True, ephemeral=self._private, **_send_options(payload, turn)
        )
        self.placeholder_replaced = True
        return int(message.id)

    async def send_ephemeral(self, payload: Payload, turn: str) -> None:
        """Post a message that only the person who acted can see."""
        await (await self._webhook()).send(
            ephemeral=True, wait=True, **_send_options(payload, turn)
        )

    async def edit(self, message: int, payload: Payload, turn: str) -> None:
        hook = await self._webhook()
        with handle_message_parameters(**_edit_options(payload, turn)) as changes:
            await async_context.get().edit_webhook_message(
                hook.id,
                hook.token or "",
                message,
                session=hook.session,
                proxy=hook.proxy,
                proxy_auth=hook.proxy_auth,
                payload=changes.payload,
                multipart=changes.multipart,
                files=changes.files,
            )
        self.placeholder_replaced = True

    async def delete(self, message: int) -> None:
        await (await self._webhook()).delete_message(message)
        self.placeholder_replaced = True

    async def _webhook(self) -> discord.Webhook:
        """The interaction as discord.py has it, which is the application's own kind of webhook."""
        client = await self._client_holder.client()
        data: Any = {
            "id": str(self._application),
            "type": discord.WebhookType.application.value,
            "token": self._token,
        }
        return discord.Webhook.from_state(data=data, state=client._connection)


class DirectPoster(ChannelPoster):
    """Posts direct messages to a person, the fallback where the channel cannot be used.

    `place` is the id of that channel: the first message says why it comes here.
    """

    def __init__(self, client_holder: ClientHolder, person: int, place: int | None = None) -> None:
        super().__init__(client_holder, 0)
        self._person = person
        self.place = place

    async def send(self, payload: Payload, turn: str, nonce: str) -> int:
        if not self.channel:
            client = await self._client_holder.client()
            self.channel = (await client.create_dm(discord.Object(self._person))).id
        if self.place is not None:
            reason = Payload(
                say("I may not write in <#{place}>, so I answer here.", place=self.place)
            )
            await super().send(reason, turn, f"{nonce}.r"[-_MAX_NONCE_CHARS:] if nonce else "")
            self.place = None
        return await super().send(payload, turn, nonce)


async def reply_ephemeral(interaction: discord.Interaction[Any], text: str, **more: Any) -> bool:
    """Reply to an interaction at once, visible to the person alone; `more` goes to discord.py.

    Returns False, and logs it, if Discord refuses the reply.
    """
    locale = str(interaction.locale)
    await load_language(locale)
    text = translate(text, locale)
    own = "embeds" in more  # the flag would hide these, too
    options = {"allowed_mentions": NO_PINGS, "suppress_embeds": not own, "ephemeral": True, **more}
    try:
        if interaction.response.is_done():
            await interaction.followup.send(text, **options)
        else:
            await interaction.response.send_message(text, **options)
    except FAILURES as exc:
        _log.warning("discord.answer_failed", error=str(exc)[:200])
        return False
    return True
