"""Whose access token it is, and whether its device can keep keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from bot.api import AdapterError
from plugins.matrix.errors import MatrixError
from plugins.matrix.homeserver import Homeserver, path_of


@dataclass(frozen=True, slots=True)
class Identity:
    """An account and its device. `names` are what people call it; `variable` holds its token."""

    user: str
    device: str
    names: frozenset[str]
    variable: str

    @property
    def file_name(self) -> str:
        """The user, as files are named after it: a name may have slashes."""
        return quote(self.user, safe="@:")

    @property
    def store_name(self) -> str:
        """The name of the file with the keys of the device."""
        return f"{self.file_name}_{quote(self.device, safe='')}.db"

    async def check_keys(self, homeserver: Homeserver, ours: Mapping[str, str]) -> None:
        """Raise `AdapterError` if the device has keys that are not ours, and `MatrixError` where
        the homeserver does not tell."""
        answer = await homeserver.call(
            "POST", path_of("keys", "query"), {"device_keys": {self.user: [self.device]}}
        )
        devices = (answer.get("device_keys") or {}).get(self.user) or {}
        keys = (devices.get(self.device) or {}).get("keys") or {}
        theirs = keys.get(f"ed25519:{self.device}")
        if theirs is not None and theirs != ours.get("ed25519"):
            raise AdapterError(
                f"{self.variable}: another program has used this token, or the folder with its "
                "keys is lost, so that nothing encrypted can be read; make a new token as "
                "`parlance manifest matrix` says."
            )


async def identify(homeserver: Homeserver, variable: str) -> Identity:
    """Ask whose token it is. Raises `AdapterError` where the operator has to make another one, and
    one of `MATRIX_FAILURES` where the homeserver does not answer."""
    try:
        answer = await homeserver.call("GET", path_of("account", "whoami"))
    except MatrixError as exc:
        if exc.is_dead_token:
            raise AdapterError(
                f"{variable}: the homeserver does not accept this token; make a new one as "
                "`parlance manifest matrix` says."
            ) from exc
        raise
    user, device = str(answer.get("user_id") or ""), str(answer.get("device_id") or "")
    if not device:
        raise AdapterError(
            f"{variable}: this token belongs to no device, so that it cannot keep keys; make one "
            "by logging in, as `parlance manifest matrix` says."
        )
    return Identity(user, device, await _names(homeserver, user), variable)


async def _names(homeserver: Homeserver, user: str) -> frozenset[str]:
    names = {user, user.removeprefix("@"), user.partition(":")[0].removeprefix("@")}
    try:
        profile = await homeserver.call("GET", path_of("profile", user, "displayname"))
        names.add(str(profile.get("displayname") or ""))
    except MatrixError:
        pass  # it has none
    return frozenset(filter(None, names))
