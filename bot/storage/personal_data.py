"""What each table of the database holds of a person, and when that goes: the one list of it.

Forgetting a person (`bot.history.erasure`) and removing what is older than `history.keep_days`
(`bot.history.retention`) do what this list says. Every table is in it; a test compares it with the
tables of a migrated database. Tables are named, since they belong to rooms above this one.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import Table

from bot.storage.engine import Base

_WITH_TABLES = (
    "bot.duels", "bot.history", "bot.knowledge.index", "bot.mcp", "bot.portability",
    "bot.processes", "bot.schedules", "bot.settings", "bot.sign_in", "bot.storage",
)  # fmt: skip
for _module in (f"{_room}.tables" for _room in _WITH_TABLES):
    importlib.import_module(_module)  # a table that is named here is there, whoever else needs it

EVENT_RETENTION = timedelta(days=7)
"""A platform gives up redelivering an event long before this."""
CHANGE_RETENTION = timedelta(days=365)
"""How long it stays known what was changed in the console."""
ENDED_JOB_RETENTION = timedelta(days=30)
"""How long a reminder that was sent can still be looked into."""

_BROKEN_SUMMARY = (
    "covers <> (SELECT count(*) FROM summarised WHERE summarised.summary = summaries.id)"
)
"""The condition of a summary that was made of a turn that is gone since."""
_SUMMARIES_OF_PERSON = (
    "SELECT summary FROM summarised JOIN turns ON turns.id = summarised.turn"
    " WHERE turns.author = :person"
)

_BEGUN = (
    "EXISTS (SELECT 1 FROM processed_events WHERE processed_events.event_id = received_events.event"
    " AND processed_events.platform = received_events.platform)"
)
"""The condition of an event that is of no use any more; it may quote others."""

_ANSWERS_BESIDE_PERSON = (
    "SELECT id FROM turns WHERE conversation IN"
    " (SELECT conversation FROM turns WHERE author = :person)"
)
_ANSWERS_QUOTING_PERSON = (
    "SELECT answer.id FROM turns AS answer JOIN quoted ON quoted.turn = answer.answers"
    " WHERE quoted.person = :person"
)


class Forgetting(StrEnum):
    """What becomes of the rows of a person who is forgotten."""

    DELETED = "deleted"
    CASCADES = "deleted with the row that it belongs to"
    DECIDED = "decided row by row"
    """By `bot.history.erasure`."""
    WITH_DOCUMENTS = "deleted with their own documents"
    """By `KnowledgeService.forget`, with what is outside of the database."""
    STAYS = "kept"


@dataclass(frozen=True, slots=True)
class PersonalData:
    """One table. Conditions are SQL that every database knows."""

    name: str
    holds: str
    """What it holds of a person."""
    forgetting: Forgetting
    why: str = ""
    """Why rows are kept, or what is decided."""
    of: str = ""
    """The condition of a person's rows; `:person` is their key (`Author.key`)."""
    blank: str = ""
    """A column that is emptied where it has the person's key, in rows that are kept."""
    at: str = ""
    """The column, in microseconds, by which rows grow old; "" where they go with others or stay."""
    expired: str = ""
    """What else must be true of a row that is too old; `:before` is the time limit."""
    keep_at_most: timedelta | None = None
    """How long rows are kept whatever `history.keep_days` says."""
    days_setting: str = ""
    """The setting that says for how many days rows are kept, where one of their own does."""

    @property
    def table(self) -> Table:
        return Base.metadata.tables[self.name]


PERSONAL_DATA: Sequence[PersonalData] = (
    PersonalData(
        "prompts",
        "what models were sent for answers to them, and in conversations that they took part in",
        Forgetting.DELETED,
        of=f"turn IN ({_ANSWERS_BESIDE_PERSON}) OR turn IN ({_ANSWERS_QUOTING_PERSON})",
        at="at",
        days_setting="console.keep_prompts_days",
    ),
    PersonalData(
        "choices",
        "who chose a setting; a setting of a direct message",
        Forgetting.DECIDED,
        why="a setting of a place that is theirs alone goes; others lose the name",
        of='"by" = :person',
    ),
    PersonalData(
        "quoted",
        "that a message of theirs is kept with a question",
        Forgetting.DECIDED,
        why="the message is taken out of what is kept with the question",
        of="person = :person",
    ),
    PersonalData(
        "materials",
        "what their questions came with; messages of theirs that others asked about",
        Forgetting.DECIDED,
        why="with their questions; a question about a message of theirs goes as a whole",
        of="turn IN (SELECT turn FROM quoted WHERE person = :person)"
        " OR turn IN (SELECT id FROM turns WHERE author = :person)",
    ),
    PersonalData(
        "feedback",
        "what they said of answers",
        Forgetting.DELETED,
        of="person = :person",
        at="at",
    ),
    PersonalData(
        "memories",
        "what they wanted to be remembered, for themselves or for a channel",
        Forgetting.DECIDED,
        why="what is theirs goes; what they kept for a channel stays, without their name, as the"
        " documents do that they added for others",
        of="person = :person",
    ),
    PersonalData(
        "summarised",
        "which of their messages a summary was made of",
        Forgetting.CASCADES,
        of=f"summary IN ({_SUMMARIES_OF_PERSON})",
    ),
    PersonalData(
        "turns",
        "what they said, and the answers",
        Forgetting.DELETED,
        of="author = :person",
        at="at",
        # A question stays as long as an answer to it that is new or still being written.
        expired="role = 'user' AND NOT EXISTS (SELECT 1 FROM turns AS newer WHERE"
        " newer.answers = turns.id"
        " AND (newer.at >= :before OR newer.status IN ('running', 'waiting')))",
    ),
    PersonalData(
        "summaries",
        "summaries of conversations that they took part in",
        Forgetting.DELETED,
        # After the turns: one that is made of them meanwhile is then known by what it lacks.
        of=f"id IN ({_SUMMARIES_OF_PERSON}) OR {_BROKEN_SUMMARY}",
        at="at",
    ),
    PersonalData(
        "replies",
        "where the answers to them stand on the platform",
        Forgetting.CASCADES,
        of="answer IN (SELECT answer.id FROM turns AS answer JOIN turns AS question"
        " ON question.id = answer.answers WHERE question.author = :person)",
        at="at",
        expired="answer IS NULL",
    ),
    PersonalData(
        "suspended",
        "what a turn of theirs waits for",
        Forgetting.CASCADES,
        of='person = :person OR "by" = :person',
    ),
    PersonalData(
        "tool_calls",
        "what a model had done for them, with the words of theirs that it used",
        Forgetting.CASCADES,
        of="turn IN (SELECT answer.id FROM turns AS answer JOIN turns AS question"
        " ON question.id = answer.answers WHERE question.author = :person)",
    ),
    PersonalData(
        "duels",
        "which two models answered a question of theirs",
        Forgetting.CASCADES,
        of="turn IN (SELECT answer.id FROM turns AS answer JOIN turns AS question"
        " ON question.id = answer.answers WHERE question.author = :person)",
        at="at",
    ),
    PersonalData(
        "duel_votes",
        "which of two answers they found better",
        Forgetting.DELETED,
        of="person = :person",
        at="at",
    ),
    PersonalData(
        "access_tokens",
        "digests of the tokens with which their programs connect; counted from a token's end",
        Forgetting.DELETED,
        of="person = :person",
        at="ends_at",
        keep_at_most=timedelta(days=1),
    ),
    PersonalData(
        "server_logins",
        "what their login at a tool's server gave, encrypted",
        Forgetting.DELETED,
        of="person = :person",
    ),
    PersonalData(
        "console_links",
        "that they asked for a link into the console",
        Forgetting.DELETED,
        of="person = :person",
        at="ends_at",
        keep_at_most=timedelta(days=1),
    ),
    PersonalData(
        "console_sessions",
        "that they came into the console, and until when they can",
        Forgetting.DELETED,
        of="person = :person",
        at="ends_at",
        keep_at_most=timedelta(days=1),
    ),
    PersonalData(
        "console_changes",
        "what they did in the console",
        Forgetting.STAYS,
        why="what was changed stays known; their name is taken out",
        of="person = :person",
        blank="person",
        at="at",
        keep_at_most=CHANGE_RETENTION,
    ),
    PersonalData(
        "daily_use",
        "how much they had done with tools, by day",
        Forgetting.DELETED,
        of="who = :person",
        at="day",
        keep_at_most=EVENT_RETENTION,
    ),
    PersonalData(
        "quotas",
        "how much of their questions an hour they had used",
        Forgetting.DELETED,
        of="person = :person",
        at="full_at",
        keep_at_most=EVENT_RETENTION,
    ),
    PersonalData(
        "sent_files",
        "when they were sent what is kept of them",
        Forgetting.DELETED,
        of="person = :person",
        at="at",
        keep_at_most=timedelta(days=1),
    ),
    PersonalData(
        "shown_words",
        "that they wrote the word that makes an admin",
        Forgetting.DELETED,
        of="person = :person",
        at="ends_at",
        keep_at_most=EVENT_RETENTION,
    ),
    PersonalData(
        "turn_counts",
        "how much they asked, by quarter of an hour, place, model and skill",
        Forgetting.DELETED,
        of="kind = 'person' AND name = :person",
        at="at",
    ),
    PersonalData(
        "processed_events",
        "the platform's numbers of messages, not whose they are",
        Forgetting.STAYS,
        why="an event that the platform delivers again would be answered again",
        at="at",
        keep_at_most=EVENT_RETENTION,
    ),
    PersonalData(
        "received_events",
        "what they have just written or called, with what they quoted, until it is begun",
        Forgetting.DELETED,
        of=f"person = :person OR {_BEGUN}",
        at="at",
        keep_at_most=EVENT_RETENTION,
    ),
    PersonalData(
        "jobs",
        "what they are to be reminded of, or asked for at certain times",
        Forgetting.DELETED,
        of="person = :person",
        at="made_at",
        expired="next_at IS NULL AND NOT EXISTS (SELECT 1 FROM occurrences WHERE"
        " occurrences.job = jobs.id AND occurrences.ended_at IS NULL)",
        keep_at_most=ENDED_JOB_RETENTION,
    ),
    PersonalData(
        "occurrences",
        "when they were reminded",
        Forgetting.CASCADES,
        of="job IN (SELECT id FROM jobs WHERE person = :person)",
        at="ended_at",
        keep_at_most=ENDED_JOB_RETENTION,
    ),
    PersonalData("capabilities", "nothing", Forgetting.STAYS, why="it is about models"),
    PersonalData("installation", "nothing", Forgetting.STAYS, why="it is the installation's id"),
    PersonalData(
        "processes",
        "nothing",
        Forgetting.STAYS,
        why="a row is there while a process of the bot runs",
    ),
    PersonalData("leases", "nothing", Forgetting.STAYS, why="it is about processes"),
    PersonalData(
        "lanes",
        "that a question is open in a conversation",
        Forgetting.STAYS,
        why="it goes with the answer",
    ),
    PersonalData(
        "lane_tickets",
        "that a question is open in a conversation",
        Forgetting.STAYS,
        why="it goes with the answer",
    ),
    PersonalData("first_revision", "nothing", Forgetting.STAYS, why="it is about migrations"),
    PersonalData(
        "knowledge_bases",
        "that they have documents of their own",
        Forgetting.WITH_DOCUMENTS,
        of="name = '@' || :person",
    ),
    PersonalData(
        "knowledge_sources",
        "what they added",
        Forgetting.WITH_DOCUMENTS,
        of="base = '@' || :person OR added_by = :person",
        blank="added_by",
    ),
    PersonalData(
        "knowledge_documents",
        "what they added",
        Forgetting.WITH_DOCUMENTS,
        of="base = '@' || :person OR added_by = :person",
        blank="added_by",
    ),
    PersonalData(
        "knowledge_passages",
        "their own documents",
        Forgetting.WITH_DOCUMENTS,
        of="base = '@' || :person",
    ),
    PersonalData(
        "knowledge_changes",
        "how many passages of their own documents were removed",
        Forgetting.WITH_DOCUMENTS,
        of="base = '@' || :person",
    ),
    PersonalData(
        "knowledge_pending",
        "that a document of theirs is being read",
        Forgetting.WITH_DOCUMENTS,
        of="base = '@' || :person",
    ),
    PersonalData(
        "knowledge_staged",
        "passages of a document of theirs that is being read",
        Forgetting.WITH_DOCUMENTS,
        of="document IN (SELECT document FROM knowledge_pending WHERE base = '@' || :person)",
    ),
    PersonalData(
        "knowledge_syncs",
        "pages that they added, and when these were read",
        Forgetting.WITH_DOCUMENTS,
        of="base = '@' || :person",
    ),
    PersonalData(
        "knowledge_versions",
        "what their own documents said before they changed",
        Forgetting.WITH_DOCUMENTS,
        of="base = '@' || :person",
    ),
)
"""In the order in which a person is forgotten: what is decided row by row looks at the turns."""
