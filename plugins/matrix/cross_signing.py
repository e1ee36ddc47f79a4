"""Signs the bot's own device, so that clients which talk to signed devices alone talk to it.

An account has three keys of its own (master, self-signing, user-signing); its devices are signed by
the second, which the first has signed. Their private halves are kept beside the device's keys.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bot.api import PrivateFolder
from plugins.matrix.homeserver import Homeserver, Json, path_of
from plugins.matrix.identity import Identity

_log = structlog.get_logger(__name__)

_MASTER, _SELF_SIGNING, _USER_SIGNING = "master", "self_signing", "user_signing"
_USAGES = (_MASTER, _SELF_SIGNING, _USER_SIGNING)


async def sign_own_device(
    homeserver: Homeserver, identity: Identity, folder: PrivateFolder
) -> None:
    """Make the account's keys where it has none, and sign the device with them. Keys that somebody
    else has made are left alone. Raises one of `MATRIX_FAILURES`."""
    file = f"{identity.file_name}.cross-signing.json"
    answer = await homeserver.call(
        "POST", path_of("keys", "query"), {"device_keys": {identity.user: [identity.device]}}
    )
    device = ((answer.get("device_keys") or {}).get(identity.user) or {}).get(identity.device)
    master = (answer.get("master_keys") or {}).get(identity.user)
    if device is None:
        return  # its keys are not there yet
    keys = await asyncio.to_thread(_read, folder, file)
    if master is None:
        keys = keys or {usage: Ed25519PrivateKey.generate() for usage in _USAGES}
        await asyncio.to_thread(_write, folder, file, keys)
        await homeserver.call(
            "POST", path_of("keys", "device_signing", "upload"), _public(identity.user, keys)
        )
    elif keys is None or f"ed25519:{_name(keys[_MASTER])}" not in (master.get("keys") or {}):
        _log.info("matrix.device_not_signed", reason="the account has keys of another client")
        return
    signer = keys[_SELF_SIGNING]
    if f"ed25519:{_name(signer)}" in ((device.get("signatures") or {}).get(identity.user) or {}):
        return
    signed = _signed(device, identity.user, signer)
    await homeserver.call(
        "POST",
        path_of("keys", "signatures", "upload"),
        {identity.user: {identity.device: signed}},
    )
    _log.info("matrix.device_signed", user=identity.user, device=identity.device)


def _public(user: str, keys: Mapping[str, Ed25519PrivateKey]) -> dict[str, Any]:
    """The public halves, as they are uploaded."""
    said: dict[str, Any] = {}
    for usage in _USAGES:
        name = _name(keys[usage])
        key = {"user_id": user, "usage": [usage], "keys": {f"ed25519:{name}": name}}
        said[f"{usage}_key"] = key if usage == _MASTER else _signed(key, user, keys[_MASTER])
    return said


def _signed(said: Json, user: str, key: Ed25519PrivateKey) -> dict[str, Any]:
    """An object with a signature, beside those that it has."""
    bare = {name: value for name, value in said.items() if name not in {"signatures", "unsigned"}}
    text = json.dumps(bare, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    signature = _unpadded(key.sign(text.encode()))
    before: Json = said.get("signatures") or {}
    own = {**(before.get(user) or {}), f"ed25519:{_name(key)}": signature}
    return {**bare, "signatures": {**before, user: own}}


def _name(key: Ed25519PrivateKey) -> str:
    """The public half of a key, by which it is called."""
    return _unpadded(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def _unpadded(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _read(folder: PrivateFolder, file: str) -> Mapping[str, Ed25519PrivateKey] | None:
    said = folder.read_json(file)
    with suppress(ValueError, KeyError, TypeError):
        seeds = {usage: base64.b64decode(said[usage]) for usage in _USAGES}
        return {name: Ed25519PrivateKey.from_private_bytes(s) for name, s in seeds.items()}
    return None


def _write(folder: PrivateFolder, file: str, keys: Mapping[str, Ed25519PrivateKey]) -> None:
    seeds = {name: key.private_bytes_raw() for name, key in keys.items()}
    said = {name: base64.b64encode(seed).decode() for name, seed in seeds.items()}
    folder.write_json(file, said)
