"""Files of records that somebody has changed, cut off or made up, and what is said of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

ANN: Final = "discord:1"
HEAD: Final = {"kind": "parlance", "format": 1, "parts": ["conversations"]}
AT: Final = "2026-01-02T03:04:05+00:00"
TURN: Final = {
    **{"kind": "turn", "id": "q1", "conversation": "discord:9:8", "role": "user", "text": "Hi"},
    **{"author": ANN, "author_name": "Ann", "at": AT, "command": "", "options": {}},
    **{"event_id": "1", "answers": None, "remember": True, "superseded": False, "model": ""},
    **{"status": "complete", "usage": None, "explanation": None, "cut": None},
}
SOURCE: Final = {
    **{"kind": "source", "base": f"@{ANN}", "location": "a.md", "type": "upload"},
    **{"added_by": ANN, "added_at": AT, "read_at": AT},
}
DOCUMENT: Final = {
    **{"kind": "document", "base": f"@{ANN}", "source": "a.md", "location": "a.md", "title": "A"},
    **{"digest": "d", "size": 1, "modified_ns": 0, "characters": 1, "added_by": ANN, "at": AT},
    **{"left_out": "", "revision": "", "validators": "", "text": [["paragraph", 0, "x", "text"]]},
}
CHOICE: Final = {
    **{"kind": "choice", "name": "persona", "scope": "discord:9:8:u=1", "value": "v"},
    **{"by": ANN, "at": AT},
}
MEMORY: Final = {
    **{"kind": "memory", "person": ANN, "name": "Ann", "place": "", "number": 1},
    **{"origin": "asker", "text": "A fact", "at": AT},
}
JOB: Final = {
    **{"kind": "job", "id": "j1", "person": ANN, "name": "Ann", "place": "discord:@me:7"},
    **{"private": False, "direct": True, "type": "say", "text": "Tea", "cron": "", "zone": "UTC"},
    **{"locale": "", "next_at": AT, "made_at": AT, "failures": 0},
}
DUEL: Final = {
    **{"kind": "duel", "turn": "q1", "type": "question", "model_a": "x", "model_b": "y", "at": AT},
}
DUEL_VOTE: Final = {
    **{"kind": "duel vote", "duel": "q1", "person": ANN, "choice": "a", "informed": True, "at": AT},
}


def file(*records: Mapping[str, Any] | str, person: str | None = None, **head: Any) -> bytes:
    """A file with these records, or lines as they are."""
    first = {**HEAD, **({"person": person} if person else {}), **head}
    last = {"kind": "end", "records": len(records)}
    lines = [one if isinstance(one, str) else json.dumps(one) for one in (first, *records, last)]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")


_WHOLE = file(TURN)
BROKEN: Final[Mapping[str, tuple[bytes, str]]] = {
    "nothing": (b"", "is not what `parlance export` writes"),
    "another file": (b"# A page\n", "line 1: it is not JSON"),
    "a list": (b"[]\n", "line 1: it has no kind"),
    "a database": (b"SQLite format 3\0" + bytes(200), "is not what `parlance export` writes"),
    "a newer format": (file(TURN, format=2), "was written by a newer version"),
    "no format": (file(TURN, format="one"), "names no format"),
    "somebody without a platform": (file(TURN, person="ann"), "it names nobody"),
    "cut off in a line": (_WHOLE[:-40], "is cut off"),
    "cut off between lines": (_WHOLE[: _WHOLE.rindex(b'{"kind": "end"')], "is cut off"),
    "compressed and cut off": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "is not what"),
    "a line too few": (_WHOLE.replace(b'"records": 1', b'"records": 7'), "which it denies"),
    "a line after the end": (_WHOLE + b"{}\n", "goes on after its end"),
    "a broken line": (file('{"kind": "turn", '), "line 2: it is not JSON"),
    "a line that is no UTF-8": (_WHOLE.replace(b"Hi", b"\xff"), "line 2: it is not JSON"),
    "no number": (file('{"kind": "turn", "at": NaN}'), "line 2: it is not JSON"),
    "nested": (file('{"kind": "turn", "at": ' + "[" * 100_000), "line 2: it is not JSON"),
    "an unknown kind": (file({"kind": "password"}), "there is no kind 'password'"),
    "an unknown value": (file({**TURN, "seq": 1}), "'seq' is not known"),
    "a missing value": (file({**TURN, "id": None}), "id is missing"),
    "a text for a number": (file({**MEMORY, "number": "1"}), "number is not what belongs there"),
    "a number without end": (file({**MEMORY, "number": 10**30}), "number is not what belongs"),
    "a time without a zone": (file({**TURN, "at": "2026-01-02"}), "at is not what belongs"),
    "half a pair": (file({**TURN, "text": "\ud800"}), "text is not what belongs there"),
    "a null byte": (file({**TURN, "text": "\0"}), "text is not what belongs there"),
    "no conversation": (file({**TURN, "conversation": "discord"}), "it names no conversation"),
    "an answer to nothing": (file({**TURN, "role": "assistant"}), "neither a question nor"),
    "a status of its own": (file({**TURN, "status": "owned"}), "it has no status that there is"),
    "a use of no numbers": (file({**TURN, "usage": "much"}), "it is no message"),
    "a use without end": (file({**TURN, "usage": {"queue_s": 1e300}}), "have used so much"),
    "a use of less than nothing": (file({**TURN, "usage": {"queue_s": -1}}), "have used so much"),
    "a duel of no kind": (file(TURN, {**DUEL, "type": "war"}), "it is no kind of duel"),
    "a vote for nothing": (file(TURN, DUEL, {**DUEL_VOTE, "choice": "c"}), "nobody can vote so"),
    "no blocks": (file({**DOCUMENT, "text": [["script", 0]]}), "text is not what belongs there"),
    "another base": (file({**DOCUMENT, "base": "handbook"}), "no knowledge base 'handbook'"),
    "a path that climbs": (
        file({**SOURCE, "type": "folder", "location": "../../etc"}),
        "its path is not a whole one",
    ),
    "a path that goes back": (
        file({**SOURCE, "type": "folder", "location": "/srv/../etc"}),
        "its path is not a whole one",
    ),
    "a command of Git": (
        file({**SOURCE, "type": "git", "location": "git+--upload-pack=x"}),
        "its path is not a whole one",
    ),
}
"""What it is, the file, and a part of what is said. Nothing of any of them is taken in."""

_MATERIAL = {"files": [], "quotes": [{"author": "Bob", "text": "x", "by": "discord:2"}]}
_CALL = {
    **{"kind": "call", "turn": "q1", "step": 0, "number": 0, "tool": "t", "arguments": {}},
    **{"decision": "", "state": "done", "digest": "", "at": AT, "ended_at": AT},
}
NOT_THEIRS: Final[Mapping[str, tuple[bytes, str]]] = {
    "a question of another": (
        file({**TURN, "author": "discord:2"}, person=ANN),
        "it is not about discord:1",
    ),
    "the same id on another platform": (
        file({**TURN, "author": "slack:1"}, person=ANN),
        "it is not about discord:1",
    ),
    "a place on another platform": (
        file({**TURN, "conversation": "slack:T:C"}, person=ANN),
        "its place is on another platform",
    ),
    "words of another": (
        file(TURN, {"kind": "material", "turn": "q1", "kept": _MATERIAL}, person=ANN),
        "it is not about discord:1",
    ),
    "a choice of another": (file({**CHOICE, "by": "discord:2"}, person=ANN), "it is not about"),
    "a memory of another": (file({**MEMORY, "person": "discord:2"}, person=ANN), "not about"),
    "a reminder of another": (file({**JOB, "person": "discord:2"}, person=ANN), "not about"),
    "a folder of the machine": (
        file({**SOURCE, "type": "folder", "location": "/etc"}, person=ANN),
        "it names a place that is not on the web",
    ),
    "a folder that says it is a page": (
        file({**SOURCE, "type": "page", "location": "/etc/passwd"}, person=ANN),
        "it names a place that is not on the web",
    ),
}
"""Files of one person with what is not theirs: nothing of them is taken in."""

LEFT_OUT: Final[Mapping[str, bytes]] = {
    "an admin": file({**CHOICE, "name": "admin", "scope": ANN}, person=ANN),
    "a channel's setting": file({**CHOICE, "scope": "discord:9:8"}, person=ANN),
    "another's setting": file({**CHOICE, "scope": "discord:9:8:u=2"}, person=ANN),
    "another platform's setting": file({**CHOICE, "scope": "slack:9:8:u=1"}, person=ANN),
    "a memory of a channel": file({**MEMORY, "place": "discord:9:8"}, person=ANN),
    "a reminder": file(JOB, person=ANN),
    "a document for everybody": file({**DOCUMENT, "base": "default"}, person=ANN),
    "another's document": file({**DOCUMENT, "base": "@discord:2"}, person=ANN),
    "a duel": file(DUEL, person=ANN),
    "a vote": file(DUEL_VOTE, person=ANN),
    "a duel of nothing": file(DUEL),
    "a vote on nothing": file(DUEL_VOTE),
    "a call of nothing": file(_CALL, person=ANN),
    "an answer to nothing": file({**TURN, "role": "assistant", "answers": "q0", "author": ""}),
    "an open answer": file({**TURN, "status": "running"}),
    "a token": file({"kind": "token", "place": "", "at": AT}),
}
"""Files with a record that is passed over."""
