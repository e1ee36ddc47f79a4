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
    Sampling,
    Usage,
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
from bot.checks import (
    Asker,
    Check,
    anyone,
    has_role,
    in_direct_message,
    is_admin,
    is_user,
)
from bot.command import (
    Command,
    Completion,
    Example,
    Option,
    command,
)
from bot.errors import (
    Busy,
    Denied,
    Failed,
    NotFound,
    Refused,
    UsageError,
    UserFacingError,
    nearest,
)
from bot.events import Attachment, CommandCall, Message, Quote
from bot.excerpts import READ_CHARACTERS, as_points, excerpts
from bot.fitting import (
    Fitted,
)
from bot.foreign import (
    Trusted,
)
from bot.grounding import (
    answer_from,
    source,
)
from bot.history.store import (
    HistoryStore,
    Report,
    Turn,
)
from bot.hookspecs import (
    hookimpl,
)
from bot.knowledge.bases import (
    is_private,
    private_base,
)
from bot.knowledge.citation_filter import (
    CitationFilter,
)
from bot.knowledge.loader import (
    Loaded,
    Loader,
)
from bot.searching import (
    search_for,
)
from bot.skill import (
    Context,
    Document,
    Ingested,
    ModelInfo,
    Page,
    Passage,
    SearchResult,
    Services,
    Setting,
    Skill,
    model_names,
)
from bot.small_model import (
    answer_to,
    courtesy,
    is_small,
    small_note,
)
from bot.speakers import (
    EchoFilter,
    Speakers,
    plain_name,
    quoted,
    speakers,
)
from bot.types import (
    SCOPES,
    Action,
    Actions,
    Author,
    ConversationKey,
    Explanation,
    File,
    Notice,
    Part,
    Scope,
    Source,
    Sources,
    Status,
    Text,
    Value,
)

__all__ = [
    "READ_CHARACTERS",
    "SCOPES",
    "Action",
    "Actions",
    "Asker",
    "Attachment",
    "Author",
    "Backend",
    "BackendBusy",
    "BackendError",
    "BackendUnavailable",
    "Busy",
    "Capabilities",
    "ChatMessage",
    "ChatRequest",
    "Check",
    "Chunk",
    "CitationFilter",
    "Command",
    "CommandCall",
    "Completion",
    "Context",
    "ContextOverflow",
    "ConversationKey",
    "DeadlineExceeded",
    "Denied",
    "Document",
    "EchoFilter",
    "Engine",
    "EngineContext",
    "EngineOptions",
    "Example",
    "Explanation",
    "Failed",
    "File",
    "Fitted",
    "HistoryStore",
    "Ingested",
    "InvalidRequest",
    "Loaded",
    "Loader",
    "Message",
    "ModelInfo",
    "ModelNotFound",
    "NotFound",
    "Notice",
    "Option",
    "Page",
    "Part",
    "Passage",
    "Quote",
    "Refused",
    "Report",
    "Sampling",
    "Scope",
    "SearchResult",
    "Services",
    "Setting",
    "Skill",
    "Source",
    "Sources",
    "Speakers",
    "Status",
    "Text",
    "Trusted",
    "Turn",
    "Usage",
    "UsageError",
    "UserFacingError",
    "Value",
    "answer_from",
    "answer_to",
    "anyone",
    "as_points",
    "command",
    "courtesy",
    "excerpts",
    "has_role",
    "hookimpl",
    "in_direct_message",
    "is_admin",
    "is_private",
    "is_small",
    "is_user",
    "model_names",
    "nearest",
    "plain_name",
    "private_base",
    "quoted",
    "search_for",
    "small_note",
    "source",
    "speakers",
]
