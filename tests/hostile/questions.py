"""Questions and documents as nobody would write them on purpose, and people do all the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

STACK_TRACE = """Traceback (most recent call last):
  File "/srv/app/deploy.py", line 42, in <module>
    rotate_logs(path="/var/log/app")
  File "/srv/app/logs.py", line 7, in rotate_logs
    raise PermissionError(13, 'Permission denied')
PermissionError: [Errno 13] Permission denied: '/var/log/app'
"""

_STORY = (
    "I moved in last spring, the weather was fine, and my neighbour lent me a ladder, which I "
    "still have. "
)
LONG = _STORY * (3_900 // len(_STORY)) + "So when is the rent for the flat due each month?"

ASKED: Mapping[str, tuple[str, str]] = {
    "plain": ("When is the rent due?", "answer"),
    "one word": ("rent", "answer"),
    "a word and a sign": ("Rent?", "answer"),
    "4,000 characters": (LONG, "answer"),
    "two languages": ("Wann ist die Miete fällig, I mean when is the rent due?", "unsure"),
    "typos": ("When is the rnet due evry month, how do I pay by tranfser?", "unsure"),
    "nothing but typos": ("wehn is the rnet due evry month", "absent"),
    "all capitals": ("WHEN IS THE RENT DUE???", "answer"),
    "only emoji": ("🏠💶📅❓", "absent"),
    "a stack trace": (STACK_TRACE, "unsure"),
    "only signs": ("??? !!! ...", "absent"),
    "invisible": ("\u200b\u200b\u2060", "absent"),
    "one letter": ("a", "absent"),
    "a number": ("42", "absent"),
    "a word 790 times": ("rent " * 790, "answer"),
    "a query": ("SELECT * FROM passages WHERE text MATCH '\"rent' OR NEAR(due) --", "absent"),
}
"""Questions about `LEASE` and `LOGS`, and the least that must come of them: an answer, the nearest
passages as not sure, or the nearest titles."""
REFUSED = {"When is the rent due? " * 200: "too long", "When is\x00 the rent due?": "control"}

LEASE = """# Lease

The rent for the flat is due on the third working day of each month. It is paid by transfer.

Smoking on the stairs is not allowed. The cellar is locked at night.
"""
LOGS = """# Operations

Logs are rotated by logrotate every night. A PermissionError from rotate_logs means that the service
user may not write to the folder of the logs; run chown on it.
"""
ONE_LINE = "The gate code is 4711 after nine o'clock in the evening."
ONE_TABLE = """| Plan | Price | Seats |
|---|---|---|
| Basic | 5 euros | 3 |
| Pro | 12 euros | 10 |
"""


def long_document(pages: int = 500) -> str:
    """A document of so many pages, of which one says where the spare key is."""
    return "\n\n".join(_pages(pages))


def _pages(count: int) -> Iterator[str]:
    yield "# The long manual"
    for page in range(count):
        hall = page % 17
        yield f"## Page {page}\n\nMachine {page} stands in hall {hall} and weighs {page} kilos."
        if page == count // 2:
            yield "The spare key of the boiler room hangs behind the green door of the workshop."
