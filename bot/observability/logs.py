"""Logging: for people on a terminal, as JSON otherwise; no secret and no message gets through.

Every module logs with `structlog.get_logger(__name__)`; libraries' own records take the same way.
Whoever runs a turn binds its id with `structlog.contextvars.bound_contextvars(turn=…)`, and every
line written inside carries it.
"""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Iterable
from textwrap import indent
from typing import IO, Any, Final, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from bot.config.core import LoggingSettings
from bot.control_characters import escape_controls
from bot.observability.redaction import Redactor

WITHHELD_KEYS: Final = frozenset({"answer", "content", "delta", "prompt", "question", "text"})
"""Keys of a log line under which somebody's words would stand; above debug only their length is."""

_NOISY_LOGGERS: Final = (
    "aiosqlite",
    "alembic",
    "asyncio",
    "discord",
    "httpcore",
    "httpx",
    "slack_bolt",
    "uvicorn",
)


_COLOUR: Final = re.compile(r"(\x1b\[[0-9;]*m)")


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Redacts the finished line, so that no processor, traceback or library is forgotten."""

    def __init__(self, redact: Redactor, **options: Any) -> None:
        super().__init__(**options)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        # Between the colours: their ends are letters, which would belong to a token behind them.
        pieces = _COLOUR.split(super().format(record))
        return "".join(piece if at % 2 else self._redact(piece) for at, piece in enumerate(pieces))


class _StandardError(logging.StreamHandler[IO[str]]):
    """Writes to what `sys.stderr` is at the moment: a terminal's prompt may stand in for it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> IO[str]:  # type: ignore[override]
        return sys.stderr


def configure(settings: LoggingSettings | None = None, known: Iterable[str] = ()) -> None:
    """Set logging up for the whole process; a second call replaces the first.

    `known` are the operator's secrets (`Secrets.known()`), which appear in no line.
    """
    settings = settings or LoggingSettings()
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    console = settings.format == "console" or (
        settings.format == "auto" and sys.stderr is not None and sys.stderr.isatty()
    )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=not console),
        structlog.processors.StackInfoRenderer(),
        withhold_words,
    ]
    handler = _StandardError()
    handler.setFormatter(
        _Formatter(
            Redactor(known),
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(console),
            ],
        )
    )
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h, _StandardError)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _NOISY_LOGGERS:
        logging.getLogger(name).setLevel(max(level, logging.WARNING) if level > 10 else level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _renderers(console: bool) -> list[Processor]:
    if console:
        colours = sys.stderr is not None and sys.stderr.isatty()
        return [
            _write_out,
            structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=_write_trace),
        ]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.UnicodeDecoder(),
        structlog.processors.JSONRenderer(ensure_ascii=False, default=repr),
        lambda _, __, line: escape_controls(str(line)),
    ]


def _write_out(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """No value begins a line or has a colour of its own; what has lines is indented."""
    for key, value in list(event.items()):
        if key in {"exception", "stack"}:
            event[key] = _indent(str(value))
        elif key != "exc_info" and not isinstance(value, int | float | None):
            text = value if isinstance(value, str) else repr(value)
            harmless = escape_controls(text)
            if harmless != text:
                event[key] = harmless
    return event


def _write_trace(out: TextIO, error: ExcInfo) -> None:
    trace = io.StringIO()
    structlog.dev.plain_traceback(trace, error)  # a pretty one shows the values of variables
    out.write("\n" + _indent(trace.getvalue()))


def _indent(text: str) -> str:
    lines = (escape_controls(line) for line in text.strip("\n").split("\n"))
    return indent("\n".join(lines), "  ", lambda _: True)


def withhold_words(_: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """What people and models said is for the database, not for the log."""
    if event.get("level", name) == "debug":
        return event
    for key in WITHHELD_KEYS & event.keys():
        event[f"{key}_chars"] = len(str(event.pop(key)))
    return event
