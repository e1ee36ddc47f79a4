"""Arguments of calls of the tools that ship, as a model that is led astray writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

LONG: Final = "x" * 90_000
TURNED: Final = "\u202e\u2066a\x00\x1b[2J\u200b\ufeff"

HOSTILE_ARGUMENTS: Final[Mapping[str, tuple[Mapping[str, Any], ...]]] = {
    "calculate": (
        {"expression": "9" * 10_000},
        {"expression": "9**9**9**9"},
        {"expression": "1" + "+1" * 140},
        {"expression": "(" * 200 + "1"},
        {"expression": "-" * 299 + "1"},
        {"expression": "1e308 * 10"},
        {"expression": "0x" + "f" * 290},
        {"expression": "[1 for _ in range(10**9)]"},
        {"expression": "'a' % 1"},
        {"expression": "１＋１"},
        {"expression": TURNED},
    ),
    "current_time": (
        {"zone": "../../etc/passwd"},
        {"zone": "/etc/localtime"},
        {"zone": ".."},
        {"zone": "Europe/"},
        {"zone": "Europe"},
        {"zone": "Europe/Berlin\x00"},
        {"zone": TURNED},
        {"zone": LONG},
    ),
    "search_documents": ({"query": LONG}, {"query": TURNED}, {"query": '" OR 1=1; --*(NEAR'}),
    "read_document": (
        {"document": "../../etc/passwd"},
        {"document": "/etc/passwd"},
        {"document": TURNED},
        {"document": "%" * 500},
        {"document": LONG},
    ),
    "add_document": (
        {"location": "/etc/passwd"},
        {"location": "../../etc"},
        {"location": "file:///etc/passwd"},
        {"location": "FILE:/etc/passwd"},
        {"location": "~/.ssh"},
        {"location": "config.yaml"},
        {"location": ".env"},
        {"location": "C:\\Users"},
        {"location": "https:/etc/passwd"},
        {"location": "http://\n/etc/passwd"},
        {"location": " /etc/passwd"},
        {"location": TURNED},
        {"location": LONG},
    ),
    "changed_documents": (
        {"since": "9" * 39 + "d"},
        {"since": "-1d"},
        {"since": TURNED},
        {"since": "9999-99-99"},
        {"since": "7d", "document": "../../etc/passwd"},
    ),
    "read_conversation": ({"last": -1}, {"last": 10**30}, {"last": "all"}, {"last": 1e400}),
    "read_page": (
        {"url": "http://127.0.0.1:22/"},
        {"url": "http://[::ffff:169.254.169.254]/latest/meta-data"},
        {"url": "file:///etc/passwd"},
        {"url": "http://u:p@site.example/"},
        {"url": "https://" + "a." * 2_000},
        {"url": TURNED},
        {"url": LONG},
    ),
    "summarize_page": ({"url": "http://localhost/", "question": "x"}, {"url": TURNED}),
    "run_python": (
        {"code": LONG},
        {"code": LONG * 110},
        {"code": TURNED},
        {"code": ["print(1)"]},
        {"code": ""},
    ),
    "search_web": (
        {"query": LONG},
        {"query": TURNED},
        {"query": {"q": "x"}},
        {"query": "pay of ann"},
    ),
}
"""Each ends in a result or a sentence, and nothing goes out without a press."""
