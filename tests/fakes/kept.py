"""A database with something in every table: Eve's, Ada's, and what they share in a channel."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from bot.history.attachments import AttachmentSnapshot, StoredContextMessage, StoredFile
from bot.history.mapping import SNAPSHOT
from bot.knowledge.index.full_text_home import writer_of
from bot.knowledge.index.rows import document_id
from bot.knowledge.loading.block_frames import pack_blocks
from bot.skills.document_tree import Code, Heading, ListItem, Paragraph, Place, Table
from bot.storage.engine import Base

EVE, ADA = "discord:1", "discord:2"
CHANNEL, DIRECT = "discord:9:8", "discord:@me:7"
AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
SECRETS = ("digest-of-a-token", "gAAAAsealed", "state-of-a-turn")
OF_ADA = ("Ada asks", "Ada is told", "Ada said before", "Ada remembers", "Ada documents")
BLOCKS = (
    Heading(1, "Lamps and “quotes”", "1"),
    Paragraph("A line\nand half a pair \ud800.", "text", Place(3, 0, "", 0)),
    ListItem("one", "-", 1),
    Code("print('\\u0000')", "python"),
    Table((("a", "b"), ("1", "2")), 1, "Caption", Place(0, 0, "Sheet", 2), ()),
)


def _turn(ident: str, **values: Any) -> tuple[str, dict[str, Any]]:
    return "turns", {
        "id": ident,
        "platform": "discord",
        "conversation": CHANNEL,
        "role": "assistant" if "answers" in values else "user",
        "text": "",
        "author": "",
        "author_name": "",
        "at": AT,
        "command": "",
        "options": "{}",
        "event_id": "",
        "remember": True,
        "superseded": False,
        "model": "",
        "status": "complete",
        **values,
    }


def _exchange(person: str, name: str, n: int, **values: Any) -> list[tuple[str, dict[str, Any]]]:
    question, answer = f"q-{name}-{n}", f"a-{name}-{n}"
    asked = {
        "author": person,
        "author_name": name,
        "text": f"{name} asks {n} ✓",
        "event_id": f"{n}",
    }
    told = {"answers": question, "text": f"{name} is told {n}", "model": "small", **values}
    return [_turn(question, **asked, options='{"model": "x", "n": 1}'), _turn(answer, **told)]


def _kept(person: str, quoted: str) -> str:
    quotes = (
        StoredContextMessage("Ada", "Ada said before", by=ADA),
        StoredContextMessage("Eve", "Eve said before", by=EVE),
    )
    wanted = tuple(quote for quote in quotes if quote.by in (person, quoted))
    files = (StoredFile("a.txt", "A", f"file of {person}"),)
    return SNAPSHOT.dump_json(AttachmentSnapshot(files, wanted)).decode()


def _document(base: str, location: str, by: str, text: str) -> list[tuple[str, dict[str, Any]]]:
    at = AT.timestamp()
    packed = pack_blocks((*BLOCKS, Paragraph(text)))
    return [
        (
            "knowledge_sources",
            {
                "base": base,
                "location": location,
                "kind": "upload",
                "added_by": by,
                "added_at": at,
                "read_at": at,
            },
        ),
        (
            "knowledge_documents",
            {
                "id": document_id(base, location),
                "base": base,
                "source": location,
                "location": location,
                "title": text,
                "digest": "d",
                "size": 5,
                "modified_ns": 0,
                "characters": 70,
                "passages": 0,
                "text": packed,
                "added_by": by,
                "at": at,
            },
        ),
        (
            "knowledge_versions",
            {
                "base": base,
                "document": document_id(base, location),
                "source": location,
                "location": location,
                "title": text,
                "state": "changed",
                "at": at,
                "before": packed,
            },
        ),
    ]


def _person(person: str, name: str, other: str) -> list[tuple[str, dict[str, Any]]]:
    ident = person.partition(":")[2]
    base, second = f"@{person}", timedelta(seconds=1)
    return [
        *_exchange(person, name, 1, usage='{"prompt_tokens": 3, "answer_tokens": 4}'),
        *_exchange(person, name, 2, status="waiting"),
        ("materials", {"turn": f"q-{name}-1", "kept": _kept(person, other)}),
        ("quoted", {"person": other, "turn": f"q-{name}-1"}),
        ("quoted", {"person": person, "turn": f"q-{name}-1"}),
        ("feedback", {"turn": f"a-{name}-1", "person": person, "passage": "", "verdict": "good"}),
        (
            "replies",
            {"turn": f"a-{name}-1", "answer": f"a-{name}-1", "address": '{"messages":"5"}'},
        ),
        (
            "duels",
            {"turn": f"a-{name}-1", "kind": "question", "model_a": "small", "model_b": "large"},
        ),
        ("duel_votes", {"duel": f"a-{name}-1", "person": person, "choice": "a", "informed": True}),
        ("suspended", {"turn": f"a-{name}-2", "person": person, "state": SECRETS[2]}),
        ("prompts", {"turn": f"a-{name}-1", "number": 0, "prompt": f"{name} asks of a model"}),
        ("tool_calls", {"turn": f"a-{name}-1", "step": 0, "number": 0, "state": "done"}),
        ("tool_calls", {"turn": f"a-{name}-2", "step": 0, "number": 0, "state": "waiting"}),
        ("choices", {"name": "persona", "scope": f"{CHANNEL}:u={ident}", "by": person}),
        ("choices", {"name": "model", "scope": f"{CHANNEL}:t={name}", "by": person}),
        ("memories", {"person": person, "name": name, "number": 1, "text": f"{name} remembers"}),
        (
            "memories",
            {"person": person, "number": ident, "place": CHANNEL, "text": f"{name} shares"},
        ),
        ("summaries", {"id": ident, "people": f'["{person}"]', "text": f"{name} in short"}),
        ("summarised", {"summary": ident, "turn": f"q-{name}-1"}),
        ("access_tokens", {"digest": f"{SECRETS[0]}-{ident}", "person": person}),
        ("server_logins", {"server": "git", "person": person, "sealed": SECRETS[1]}),
        ("console_links", {"digest": f"{SECRETS[0]}-of-a-link-{ident}", "person": person}),
        ("shown_words", {"purpose": name, "digest": SECRETS[0], "person": person}),
        ("sent_files", {"person": person, "at": AT}),
        ("console_sessions", {"digest": f"{SECRETS[0]}-of-{ident}", "person": person}),
        ("console_changes", {"person": person, "action": "signed in"}),
        ("daily_use", {"day": AT, "who": person, "steps": 2, "seconds": 1.5}),
        ("quotas", {"person": person, "full_at": AT}),
        (
            "turn_counts",
            {"kind": "person", "at": AT, "name": person, "place": CHANNEL, "turns": 2, "read": 3},
        ),
        ("jobs", {"id": f"job-{name}", "person": person, "place": DIRECT, "direct": True}),
        ("occurrences", {"job": f"job-{name}", "instant": AT, "try_at": AT + second}),
        ("knowledge_bases", {"name": base, "made_at": AT.timestamp()}),
        *_document(base, f"{name}.md", person, f"{name} documents"),
        ("knowledge_syncs", {"base": base, "location": f"{name}.md", "failures": 0}),
    ]


def keep_something(connection: Connection) -> None:
    """Fill an empty database. Ada quoted Eve, and Eve quoted Ada."""
    rows = [
        *_person(EVE, "Eve", ADA),
        *_person(ADA, "Ada", EVE),
        ("summaries", {"id": 3, "people": f'["{EVE}", "{ADA}"]', "text": "both in short"}),
        ("choices", {"name": "admin", "scope": ADA, "by": EVE}),
        ("choices", {"name": "blocked", "scope": EVE, "by": ADA, "value": "yes"}),
        ("processed_events", {"platform": "discord", "event_id": "1"}),
        ("received_events", {"number": 1, "person": EVE, "key": "1", "payload": '"Eve writes"'}),
        ("received_events", {"number": 2, "person": ADA, "key": "2", "payload": '"Ada writes"'}),
        ("capabilities", {"replica": "r"}),
        ("processes", {"id": "p"}),
        ("leases", {"process": "p"}),
        ("lanes", {"conversation": "slack:w:c"}),
        ("lane_tickets", {"conversation": "slack:w:c", "number": 1, "process": "p"}),
        ("knowledge_bases", {"name": "default", "made_at": AT.timestamp()}),
        *_document("default", "shared.md", ADA, "Everybody documents"),
    ]
    for base in (f"@{EVE}", f"@{ADA}", "default"):
        writer_of(connection).make_table(connection, base)
    for name, values in rows:
        table = Base.metadata.tables[name]
        connection.execute(table.insert(), {**_filled(table), **values})


def _filled(table: Any) -> dict[str, Any]:
    """Something for every column that must have it."""
    filled: dict[str, Any] = {}
    for column in table.columns:
        if column.nullable or column.name in ("seq", "id") or column.server_default is not None:
            continue
        if column.name == "number" and table.name != "memories":
            continue
        kind = column.type.python_type if hasattr(column.type, "python_type") else str
        if column.type.__class__.__name__ == "Moment":
            filled[column.name] = AT
        elif column.name in ("arguments", "found", "kept", "address", "people"):
            filled[column.name] = "{}"
        elif column.name == "origin":
            filled[column.name] = "asker"
        elif column.name == "conversation":
            filled[column.name] = CHANNEL
        else:
            filled[column.name] = kind()
    return filled
