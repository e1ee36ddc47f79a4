"""Matrix: rooms and direct rooms on any homeserver, with end-to-end encryption.

Only this module and the settings are imported before a token is set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.api import AdapterError, Findings, Platform, PlatformContext, hookimpl
from plugins.matrix.settings import PLATFORM, MatrixSettings, token_variable

if TYPE_CHECKING:
    from plugins.matrix.adapter import MatrixAdapter

NOT_INSTALLED = (
    "matrix: the package matrix-nio is not installed; run `make matrix`, or install "
    "requirements/matrix.lock."
)


def _create(context: PlatformContext) -> MatrixAdapter | None:
    """Make the adapter for the accounts whose tokens are set."""
    settings: MatrixSettings = context.settings
    tokens = {name: context.secret(token_variable(name)) for name in settings.homeservers}
    given = {name: token for name, token in tokens.items() if token}
    if not given:
        return None
    try:
        from plugins.matrix.adapter import MatrixAdapter
    except ModuleNotFoundError as exc:
        raise AdapterError(NOT_INSTALLED) from exc
    return MatrixAdapter(settings, given, context.folder)


def _manifest(context: PlatformContext, url: str | None) -> str:
    from plugins.matrix.setup import manifest

    return manifest(context.settings, context.commands)


async def _check(context: PlatformContext) -> Findings:
    try:
        adapter = _create(context)
    except AdapterError as exc:
        return Findings([str(exc)])
    return Findings() if adapter is None else await adapter.check()


@hookimpl
def register_platforms() -> Sequence[Platform]:
    """Return the platform."""
    return [Platform(PLATFORM, MatrixSettings, _create, _manifest, _check)]
