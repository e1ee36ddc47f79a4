"""Requests that no client of ours sends, to the control socket and to the HTTP port."""

from __future__ import annotations

CONTROL_LINES: dict[str, bytes] = {
    "nothing": b"\n",
    "no line": b'{"version": 1, "command": "status"}',
    "no JSON": b"status\n",
    "no object": b"[1]\n",
    "no text": b"\xff\xfe\x00\n",
    "deep": b"[" * 3000 + b"\n",
    "too long": b"x" * 100_000 + b"\n",
    "another version": b'{"version": 2, "command": "status"}\n',
    "no command": b'{"version": 1}\n',
    "an unknown command": b'{"version": 1, "command": "run"}\n',
    "a command that is no text": b'{"version": 1, "command": {"a": ["status"]}}\n',
    "a very long command": b'{"version": 1, "command": "' + b"s" * 3000 + b'"}\n',
}
"""What may be written to the control socket, by what is wrong with it."""
