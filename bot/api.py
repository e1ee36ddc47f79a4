"""Everything a plugin may import, in one place.

from bot.api import Context, Example, Part, Skill, Text, command, hookimpl
"""

from __future__ import annotations

from backends.base import (
    Backend,
    Capabilities,
    ChatMessage,
    ChatRequest,
    Chunk,
    Engine,
    EngineContext,
    EngineOptions,
    Picture,
    Sampling,
)
from backends.errors import (
    BackendBusy,
    BackendError,
    BackendUnavailable,
    ContextOverflow,
    DeadlineExceeded,
    InvalidRequest,
    ModelNotFound,
)
from backends.usage import Usage
from bot.adapters.background_tasks import BUSY, BackgroundTasks, Refusal
from bot.adapters.backoff import Backoff
from bot.adapters.inbox import (
    EDITED_PREFIX,
    Answer,
    Inbox,
    InboxPort,
    Incoming,
    RecentQuestion,
    edited_action,
    edited_notice,
)
from bot.adapters.lookup_cache import LookupCache
from bot.adapters.platform import Findings, Platform, PlatformContext
from bot.adapters.protocol import Adapter, Core, Question
from bot.agent.budget import require_budget
from bot.agent.loop import act
from bot.agent.open_calls import open_calls
from bot.agent.provenance import Provenance, Writer, least_trusted
from bot.agent.task_context import read_provenance
from bot.agent.tool_set import UsableTools, usable_tools
from bot.agent.value_search import stands_in
from bot.answering.excerpts import READ_CHARACTERS, as_points, excerpts
from bot.answering.grounded_answer import answer_from, source
from bot.answering.opening import Opening, add_summary, fit_conversation, open_prompt
from bot.answering.query_rewriting import search_for
from bot.answering.questions.changes import changes_text, difference_text
from bot.answering.questions.listing import list_documents
from bot.answering.questions.lookup import MAX_QUESTION_CHARACTERS, look_up
from bot.answering.reader import read_passages
from bot.answering.small_model import answer_to, courtesy, is_small, small_note
from bot.catalogue.languages import translate
from bot.catalogue.sentence import Sentence, join_sentences, lay_out, say, say_number
from bot.commands.access import parse_person
from bot.commands.checks import (
    Asker,
    Check,
    anyone,
    at_this_machine,
    has_role,
    in_direct_message,
    is_admin,
    is_user,
)
from bot.commands.declaration import Command, Example, command
from bot.commands.options import Completion, Option
from bot.commands.time_words import parse_since
from bot.config.base import PlatformSettings
from bot.duels.values import DuelBoard, DuelChoice, Standing
from bot.errors import (
    AdapterError,
    Busy,
    Denied,
    Failed,
    NotFound,
    Recording,
    Refused,
    UsageError,
    UserFacingError,
    nearest,
)
from bot.events import (
    ACTIONS_WITH_REPLY,
    ActionCall,
    AnswerDeleted,
    Attachment,
    CommandCall,
    ContextMessage,
    Event,
    Message,
    MessageDeleted,
    Reader,
)
from bot.history.protocol import HistoryStore, Report, StoredMessage
from bot.history.tool_calls import StoredCall
from bot.knowledge.access import is_private, private_base
from bot.knowledge.citations.stream_filter import CitationFilter
from bot.memory.memories import MAX_MEMORY_CHARACTERS, Memories, Memory, Owner, owner_of
from bot.memory.past_turns import PastExchange
from bot.memory.summaries import answer_origin
from bot.models.protocol import PullStep, catalog_chat_models, catalog_tool_models
from bot.private_files import PrivateFolder
from bot.prompting.context_window import Fitted
from bot.prompting.echo_filter import EchoFilter
from bot.prompting.foreign_text import Trusted
from bot.prompting.speakers import Speakers, plain_name, quoted, speakers
from bot.replies.call_rates import Rate
from bot.replies.edit_budget import EditBudget
from bot.replies.fences import close_fence
from bot.replies.link_words import misleads
from bot.replies.message_port import (
    MessageClosed,
    MessagePort,
    PortError,
    PortRefused,
    RateLimited,
    Unconfirmed,
)
from bot.replies.message_sink import MessageSink
from bot.replies.pages import fit_pages
from bot.replies.protocol import Replies, Reply, Sink
from bot.replies.reply_options import ReplyTiming
from bot.replies.wording import (
    as_code,
    button_row,
    notice_text,
    place_words,
    shown_status,
    source_line,
    status_text,
)
from bot.schedules.job import Job
from bot.schedules.recurrence_words import recurrence_words
from bot.schedules.service import NewJob, Schedules
from bot.schedules.wording import time_words
from bot.skills.attached_files import AttachedFiles, read_attached
from bot.skills.button_press import ButtonPress
from bot.skills.context import Context
from bot.skills.document_loader import Loaded, Loader
from bot.skills.document_tree import (
    Block,
    Code,
    Heading,
    ListItem,
    Paragraph,
    Table,
    lowered,
    raised,
)
from bot.skills.hookspecs import hookimpl
from bot.skills.left_out import LeftOut
from bot.skills.service_protocols import Duels, Logins
from bot.skills.services import Services
from bot.skills.skill import Skill, model_names
from bot.skills.tool import AgentTool, Effect, Origin, OutcomeUnknown, ToolResult, tool
from bot.types import (
    SCOPES,
    Action,
    ActionName,
    Actions,
    Author,
    ConversationKey,
    Explanation,
    File,
    Limits,
    Notice,
    Part,
    Place,
    Scope,
    Source,
    Sources,
    Status,
    Text,
    Value,
    View,
)
from bot.values import (
    AccessToken,
    Change,
    ChangedLine,
    Difference,
    Document,
    FoundPage,
    Ingested,
    ModelInfo,
    Page,
    Passage,
    PicturesRead,
    SearchResult,
    Setting,
)

Quote = ContextMessage
"""The earlier name of `ContextMessage`."""
Turn = StoredMessage
"""The earlier name of `StoredMessage`."""

__all__ = [
    "ACTIONS_WITH_REPLY",
    "BUSY",
    "EDITED_PREFIX",
    "MAX_MEMORY_CHARACTERS",
    "MAX_QUESTION_CHARACTERS",
    "READ_CHARACTERS",
    "SCOPES",
    "AccessToken",
    "Action",
    "ActionCall",
    "ActionName",
    "Actions",
    "Adapter",
    "AdapterError",
    "AgentTool",
    "Answer",
    "AnswerDeleted",
    "Asker",
    "AttachedFiles",
    "Attachment",
    "Author",
    "Backend",
    "BackendBusy",
    "BackendError",
    "BackendUnavailable",
    "BackgroundTasks",
    "Backoff",
    "Block",
    "Busy",
    "ButtonPress",
    "Capabilities",
    "Change",
    "ChangedLine",
    "ChatMessage",
    "ChatRequest",
    "Check",
    "Chunk",
    "CitationFilter",
    "Code",
    "Command",
    "CommandCall",
    "Completion",
    "Context",
    "ContextMessage",
    "ContextOverflow",
    "ConversationKey",
    "Core",
    "DeadlineExceeded",
    "Denied",
    "Difference",
    "Document",
    "DuelBoard",
    "DuelChoice",
    "Duels",
    "EchoFilter",
    "EditBudget",
    "Effect",
    "Engine",
    "EngineContext",
    "EngineOptions",
    "Event",
    "Example",
    "Explanation",
    "Failed",
    "File",
    "Findings",
    "Fitted",
    "FoundPage",
    "Heading",
    "HistoryStore",
    "Inbox",
    "InboxPort",
    "Incoming",
    "Ingested",
    "InvalidRequest",
    "Job",
    "LeftOut",
    "Limits",
    "ListItem",
    "Loaded",
    "Loader",
    "Logins",
    "LookupCache",
    "Memories",
    "Memory",
    "Message",
    "MessageClosed",
    "MessageDeleted",
    "MessagePort",
    "MessageSink",
    "ModelInfo",
    "ModelNotFound",
    "NewJob",
    "NotFound",
    "Notice",
    "Opening",
    "Option",
    "Origin",
    "OutcomeUnknown",
    "Owner",
    "Page",
    "Paragraph",
    "Part",
    "Passage",
    "PastExchange",
    "Picture",
    "PicturesRead",
    "Place",
    "Platform",
    "PlatformContext",
    "PlatformSettings",
    "PortError",
    "PortRefused",
    "PrivateFolder",
    "Provenance",
    "PullStep",
    "Question",
    "Quote",
    "Rate",
    "RateLimited",
    "Reader",
    "RecentQuestion",
    "Recording",
    "Refusal",
    "Refused",
    "Replies",
    "Reply",
    "ReplyTiming",
    "Report",
    "Sampling",
    "Schedules",
    "Scope",
    "SearchResult",
    "Sentence",
    "Services",
    "Setting",
    "Sink",
    "Skill",
    "Source",
    "Sources",
    "Speakers",
    "Standing",
    "Status",
    "StoredCall",
    "StoredMessage",
    "Table",
    "Text",
    "ToolResult",
    "Trusted",
    "Turn",
    "Unconfirmed",
    "UsableTools",
    "Usage",
    "UsageError",
    "UserFacingError",
    "Value",
    "View",
    "Writer",
    "act",
    "add_summary",
    "answer_from",
    "answer_origin",
    "answer_to",
    "anyone",
    "as_code",
    "as_points",
    "at_this_machine",
    "button_row",
    "catalog_chat_models",
    "catalog_tool_models",
    "changes_text",
    "close_fence",
    "command",
    "courtesy",
    "difference_text",
    "edited_action",
    "edited_notice",
    "excerpts",
    "fit_conversation",
    "fit_pages",
    "has_role",
    "hookimpl",
    "in_direct_message",
    "is_admin",
    "is_private",
    "is_small",
    "is_user",
    "join_sentences",
    "lay_out",
    "least_trusted",
    "list_documents",
    "look_up",
    "lowered",
    "misleads",
    "model_names",
    "nearest",
    "notice_text",
    "open_calls",
    "open_prompt",
    "owner_of",
    "parse_person",
    "parse_since",
    "place_words",
    "plain_name",
    "private_base",
    "quoted",
    "raised",
    "read_attached",
    "read_passages",
    "read_provenance",
    "recurrence_words",
    "require_budget",
    "say",
    "say_number",
    "search_for",
    "shown_status",
    "small_note",
    "source",
    "source_line",
    "speakers",
    "stands_in",
    "status_text",
    "time_words",
    "tool",
    "translate",
    "usable_tools",
]
