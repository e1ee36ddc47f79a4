"""What an operator sets up: how the account is made, and whether it works."""

from __future__ import annotations

from collections.abc import Sequence

from bot.api import AdapterError, Command, Findings
from plugins.matrix.errors import MATRIX_FAILURES
from plugins.matrix.events import server_of
from plugins.matrix.homeserver import Homeserver
from plugins.matrix.identity import identify
from plugins.matrix.settings import MatrixSettings, MatrixTiming, token_variable

_LOGIN = """\
curl -s {url}/_matrix/client/v3/login -H 'Content-Type: application/json' -d '{{
  "type": "m.login.password",
  "identifier": {{"type": "m.id.user", "user": "parlance"}},
  "password": "ITS PASSWORD",
  "initial_device_display_name": "Parlance"
}}'"""


def manifest(settings: MatrixSettings, commands: Sequence[Command]) -> str:
    """How to make the bot's account, and what people write to it."""
    lines = ["1. Register an account for the bot on the homeserver, as you would for a person."]
    lines += [
        "   On a Synapse of your own: register_new_matrix_user --no-admin -u parlance",
        "",
    ]
    lines += ["2. Log in once, and put the access_token of the answer into .env:", ""]
    for name, url in settings.homeservers.items():
        lines += [_LOGIN.format(url=url), "", f"   {token_variable(name)}=…", ""]
    lines += [
        "   The token belongs to the bot alone: do not use one of another client, and log it out",
        "   nowhere. Its keys are kept in the data folder: do not lose that.",
        "",
        "3. Invite the account to a room, or write to it directly. Commands:",
        "",
        *(f"   {settings.command_prefix}{c.name} — {c.description}" for c in commands),
    ]
    return "\n".join(lines)


async def check_account(
    url: str, token: str, variable: str, settings: MatrixSettings, timing: MatrixTiming
) -> Findings:
    """Whether an account's token works; nothing is changed."""
    homeserver = Homeserver(url, token, timing.request)
    try:
        async with homeserver.connect():
            identity = await identify(homeserver, variable)
    except AdapterError as exc:
        return Findings([str(exc)])
    except MATRIX_FAILURES as exc:
        return Findings([f"{url} cannot be reached, or is no homeserver: {exc}"])
    invites = ", ".join(settings.invites_from) or f"the people of {server_of(identity.user)}"
    notes = [f"{identity.user} may be invited by {invites}"]
    if url.startswith("http://") and not url.startswith(("http://127.", "http://localhost")):
        notes.append(f"{url} is not encrypted: use https, or the token can be read on its way")
    return Findings(notes=notes)
