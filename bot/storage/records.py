"""How the rows of each table are written into a file of JSON lines: the one list of it.

What a person gets of what is kept of them, and what `parlance export` writes, is what this list
says (`bot.portability`). A table that is not in it fails a test, and so does a column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Part = Literal["conversations", "settings", "documents"]
"""What an installation can take in again."""

_THEIR_QUESTIONS = "SELECT id FROM turns WHERE author = :person"
_OPEN_TURNS = "SELECT id FROM turns WHERE status IN ('running', 'waiting')"
_THEIR_BASE = "base = '@' || :person"


@dataclass(frozen=True, slots=True)
class Record:
    """The rows of one table, each a line. Columns are given in one string, in their order."""

    kind: str
    """What a line is called."""
    columns: str
    left_out: str = ""
    """The columns that are not written."""
    why: str = ""
    """Why they are not."""
    part: Part | None = None
    """The part that the table belongs to; a table without one is written for its person alone, and
    no installation takes it in."""
    of: str = ""
    """The condition of a person's rows, where it is another than `PersonalData.of`: what others
    wrote is not theirs."""
    only: str = ""
    """The condition of the rows that another installation can take in."""
    order: str = ""
    """The columns by which lines are in the same order each time; without it, the table's key."""


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """A table that no file has, and why."""

    why: str


RECORDS: Final[Mapping[str, Record | Unrecorded]] = {
    "turns": Record(
        "turn",
        "id conversation role text author author_name at command options event_id answers remember"
        " superseded model status usage explanation cut private error",
        left_out="seq platform wait_ms total_ms written process",
        why="they follow from the others, or are about the process",
        part="conversations",
        of=f"author = :person OR answers IN ({_THEIR_QUESTIONS})",
        only="status NOT IN ('running', 'waiting')",
        order="seq",
    ),
    "prompts": Unrecorded(
        "they are made of what stands elsewhere, hold words of others, and are kept for days alone"
    ),
    "materials": Record(
        "material", "turn kept", part="conversations", of=f"turn IN ({_THEIR_QUESTIONS})"
    ),
    "quoted": Record("quoted", "turn", left_out="person", why="it is the person"),
    "feedback": Record(
        "feedback",
        "turn person passage verdict at",
        part="conversations",
        only=f"turn NOT IN ({_OPEN_TURNS})",
    ),
    "tool_calls": Record(
        "call",
        "turn step number tool arguments decision state digest at ended_at",
        part="conversations",
        only=f"state NOT IN ('waiting', 'running', 'untold') AND turn NOT IN ({_OPEN_TURNS})",
    ),
    "duels": Record(
        "duel",
        "turn kind model_a model_b at",
        part="conversations",
        only=f"turn NOT IN ({_OPEN_TURNS})",
    ),
    "duel_votes": Record(
        "duel vote",
        "duel person choice informed at",
        part="conversations",
        only=f"duel NOT IN ({_OPEN_TURNS})",
    ),
    "replies": Record(
        "reply",
        "turn conversation address finished at",
        left_out="platform answer process",
        why="they follow from the others, or are about the process",
    ),
    "suspended": Record(
        "waiting",
        "turn conversation resume_at who choice",
        left_out="person direct state by",
        why="the state is how the program goes on, and may hold words of others",
    ),
    "summaries": Record(
        "summary",
        "conversation text at",
        left_out="id previous last covers people origin",
        why="they are about how it was made",
        of="people = '[\"' || :person || '\"]'",
        order="id",
    ),
    "summarised": Unrecorded("it says no more than which turns a summary was made of"),
    "choices": Record(
        "choice",
        "name scope value by at",
        part="settings",
        of="\"by\" = :person AND name NOT IN ('admin', 'blocked', 'paused', 'place')"
        " OR scope = :person",  # what they decided about others, and what others did about them
    ),
    "memories": Record(
        "memory",
        "person name place number origin text at",
        left_out="id",
        why="it is counted anew",
        part="settings",
        order="id",
    ),
    "jobs": Record(
        "job",
        "id person name place private direct kind text cron zone locale next_at made_at failures",
        part="settings",
    ),
    "occurrences": Record(
        "occurrence",
        "job instant state ended_at",
        left_out="tries try_at posted_at",
        why="they are about how it was sent",
    ),
    "console_links": Record(
        "console link",
        "place ends_at",
        left_out="digest person operator",
        why="a digest is part of a secret",
        order="ends_at",
    ),
    "console_sessions": Record(
        "console session",
        "place at ends_at",
        left_out="digest person operator",
        why="a digest is part of a secret",
        order="at",
    ),
    "console_changes": Record(
        "console change",
        "at action subject",
        left_out="id person",
        why="it is counted anew",
        order="id",
    ),
    "daily_use": Record("use", "day who steps seconds"),
    "quotas": Record("quota", "full_at", left_out="person", why="it is the person"),
    "sent_files": Record("sent file", "at", left_out="person", why="it is the person"),
    "shown_words": Record(
        "word",
        "ends_at",
        left_out="purpose digest tries_left person",
        why="a digest is part of a secret",
        order="ends_at",
    ),
    "turn_counts": Record(
        "count",
        "at place model skill turns failed measured read written queue_ms wait_ms machine_ms",
        left_out="kind name",
        why="it is the person",
    ),
    "access_tokens": Record(
        "token",
        "place at used_at ends_at",
        left_out="digest person",
        why="a digest is part of a secret",
        order="at",
    ),
    "server_logins": Record(
        "login", "server at", left_out="person sealed", why="what a login gave is a secret"
    ),
    "processed_events": Unrecorded("it does not say whose the messages are"),
    "received_events": Unrecorded("it is about what comes in just now, and is kept as a question"),
    "capabilities": Unrecorded("it is about models"),
    "processes": Unrecorded("it is about the processes that run"),
    "leases": Unrecorded("it is about the processes that run"),
    "lanes": Unrecorded("it is about what is open now"),
    "lane_tickets": Unrecorded("it is about what is open now"),
    "first_revision": Unrecorded("it is about the tables"),
    "installation": Unrecorded("another installation has an id of its own"),
    "knowledge_bases": Record(
        "base",
        "name made_at",
        left_out="embedder dimension generation version",
        why="they are about the indexes, which are made again",
    ),
    "knowledge_sources": Record(
        "source", "base location kind added_by added_at read_at", part="documents"
    ),
    "knowledge_documents": Record(
        "document",
        "base source location title digest size modified_ns characters added_by at left_out"
        " revision validators text",
        left_out="id passages",
        why="they follow from the others, or are made again",
        part="documents",
        order="base location",
    ),
    "knowledge_versions": Record(
        "version",
        "base document source location title state at before",
        left_out="number",
        why="it is counted anew",
        part="documents",
        of=_THEIR_BASE,
        order="number",
    ),
    "knowledge_syncs": Record("sync", "base location at failures failed_at failure"),
    "knowledge_passages": Unrecorded("they are cut from the documents, and made again"),
    "knowledge_changes": Unrecorded("it is about full text, which is made again"),
    "knowledge_pending": Unrecorded("it is about vectors, which are made again"),
    "knowledge_staged": Unrecorded("it is about vectors, which are made again"),
}
"""By the table's name."""
