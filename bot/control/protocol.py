"""The lines of the control socket: one JSON object asks, one JSON object answers.

{"version": 1, "command": "status"}
{"version": 1, "result": {…}}  or  {"version": 1, "error": "a sentence"}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bot.errors import ParlanceError

VERSION = 1
STOP = "stop"
"""The command that every bot knows; it is answered with the process id, then obeyed."""
OFFER_WORD, WORD_STATE, WITHDRAW_WORD = "offer-word", "word-state", "withdraw-word"
"""Have the bot listen for a word that makes an admin, and say who wrote it."""
LOOKS = frozenset({"status", WORD_STATE})
"""Commands that change nothing, and are given every few seconds while somebody watches."""
CONSOLE_LINK = "console-link"
"""Make a link into the console for the operator."""
BUG_REPORT = "bug-report"
"""Make the file for a bug report."""
MAX_REQUEST_BYTES = 4096
MAX_ANSWER_BYTES = 4 * 1024 * 1024
REQUEST_TIMEOUT_S = 5.0
"""Time for a request to arrive, and for an answer to be taken."""
STATUS_TIMEOUT_S = 10.0
"""Time for the answer of a bot that only tells what it knows."""
COMMAND_TIMEOUT_S = 600.0
"""Time for a command; `doctor` may load every model."""


NO_MESSAGE = "What came over the control socket is no message of Parlance."


class ControlError(ParlanceError):
    """The running bot could not do what was asked, or did not answer."""


class NotRunning(ParlanceError):
    """No bot answers in this data folder."""


def encode(message: Mapping[str, Any]) -> bytes:
    """A message as a line."""
    return json.dumps({"version": VERSION, **message}).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The message in a line. Raises `ControlError` for what is none of this version."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    if not line.endswith(b"\n") or not isinstance(message, dict):
        raise ControlError(NO_MESSAGE)
    if message.get("version") != VERSION:
        raise ControlError(
            "The running bot is of another version of Parlance; restart it, then ask again."
        )
    return message
