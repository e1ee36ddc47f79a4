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

HEAD = b"POST /slack/events HTTP/1.1\r\nHost: x\r\n"
REFUSED_HEADS: dict[str, bytes] = {
    "no HTTP": b"hello there\r\n\r\n",
    "nothing of sense": bytes(range(256)) + b"\r\n\r\n",
    "a long line": b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "a long header": HEAD + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n",
    "many headers": HEAD + b"".join(b"X-%d: 1\r\n" % n for n in range(20_000)) + b"\r\n",
    "two lengths": HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "a length that is none": HEAD + b"Content-Length: -1\r\n\r\n",
    "a length of many digits": HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "a chunk that is none": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc",
    "a header in two lines": HEAD + b"X: 1\r\n\x00: 2\r\n\r\n",
}
"""What may be sent to the HTTP port and is refused with 4xx, by what is wrong with it."""

SLOW_CLIENTS: dict[str, list[bytes]] = {
    "says nothing": [],
    "stops in the first line": [b"GET /heal"],
    "sends a header a moment": [HEAD, *[b"X-%d: 1\r\n" % n for n in range(1000)]],
    "sends a refused body a byte a moment": [
        HEAD + b"Content-Length: 100000000\r\n\r\n",
        *[b"x"] * 1000,
    ],
    "stops in the second request": [b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /heal"],
}
"""What clients send piece by piece, with a pause after each, and never end."""
