"""Logging: for people on a terminal, as JSON otherwise; no secret and no message gets through.

A running bot keeps its lines in a file as well (`LogFile`), and the last errors in memory, for
`parlance logs` and `parlance status`.

Every module logs with `structlog.get_logger(__name__)`, and its lines are written directly: by way
of `logging` a line would cost twice as much. The records of libraries come by `logging` and are
rendered alike.
Whoever runs a turn binds its id with `structlog.contextvars.bound_contextvars(turn=…)`, and every
line written inside carries it.
"""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from textwrap import indent
from typing import IO, Any, Final, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from bot.config.core import Level, LoggingSettings
from bot.control_characters import escape_controls
from bot.observability.log_file import LogFile
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
    "mcp",
    "slack_bolt",
    "uvicorn",
)


MAX_RECENT_ERRORS: Final = 10
_MAX_REASON_CHARACTERS: Final = 300
_REMEMBERED_KEYS: Final = frozenset({"timestamp", "event", "turn", "error_id"})
_LEVELS: Final = {name.lower(): number for name, number in logging.getLevelNamesMapping().items()}
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, default=repr)
_COLOUR: Final = re.compile(r"(\x1b\[[0-9;]*m)")


class _StandardError(logging.StreamHandler[IO[str]]):
    """Writes to what `sys.stderr` is at the moment: a terminal's prompt may stand in for it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> IO[str]:  # type: ignore[override]
        return sys.stderr


class _Keeping(logging.Handler):
    """Hands the records of libraries to what is kept."""

    def __init__(self, keep: Callable[[str, str], None]) -> None:
        super().__init__()
        self._keep = keep

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._keep(self.format(record), record.levelname.lower())
        except Exception:  # noqa: BLE001 - as all handlers do
            self.handleError(record)


class _LineLogger:
    """What structlog hands the finished lines of one module to."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def write(self, line: str) -> None:
        """Write a line. Does nothing where standard error is closed or gone."""
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = write


class _Renderer:
    """Makes the line of an event. It is redacted last, so that no processor, traceback or library
    is forgotten."""

    def __init__(self, steps: Sequence[Processor], redact: Redactor) -> None:
        self._steps = steps
        self._redact = redact

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> str:
        try:
            line = self._render(logger, name, event)
        except Exception as error:  # noqa: BLE001 - a value that cannot be shown ends nobody's work
            failed = {"event": "log.line_failed", "level": "error", "reason": type(error).__name__}
            line = self._render(logger, name, failed)
        if "\x1b" not in line:
            return self._redact(line)
        # Between the colours: their ends are letters, which would belong to a token behind them.
        pieces = _COLOUR.split(line)
        return "".join(piece if at % 2 else self._redact(piece) for at, piece in enumerate(pieces))

    def _render(self, logger: WrappedLogger, name: str, event: EventDict) -> str:
        line: Any = event
        for step in self._steps:
            line = step(logger, name, line)
        return str(line)


recent_errors: Final[deque[dict[str, Any]]] = deque(maxlen=MAX_RECENT_ERRORS)
"""The last errors of this process, the newest last: when, what, in which turn, under which id."""


def configure(
    settings: LoggingSettings | None = None,
    known: Iterable[str] = (),
    *,
    file: LogFile | None = None,
    shown: Level | None = None,
) -> None:
    """Set logging up for the whole process; a second call replaces the first.

    `known` are the operator's secrets (`Secrets.known()`), which appear in no line. `file` keeps
    the lines as well, though none below `info`, which may hold words of people. `shown` is the
    least level on standard error, where that is another than the settings say.
    """
    settings = settings or LoggingSettings()
    level = _number(settings.level)
    shown_level = _number(shown) if shown else level
    least = min(level if file is not None else shown_level, shown_level)
    console = settings.format == "console" or (
        settings.format == "auto" and sys.stderr is not None and sys.stderr.isatty()
    )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.StackInfoRenderer(),
        withhold_words,
    ]
    redact = Redactor(known)
    render, as_json = _Renderer(_renderers(console), redact), _Renderer(_renderers(False), redact)
    kept_level = max(level, logging.INFO) if file is not None else logging.ERROR
    recent_errors.clear()

    def keep(line: str, said: str) -> None:
        if file is not None:
            file.write(line)
        if _number(said) >= logging.ERROR:
            recent_errors.append(_summary(line))

    def write(logger: WrappedLogger, name: str, event: EventDict) -> str:
        said = str(event["level"])
        if _number(said) >= kept_level:
            keep(as_json(logger, name, {**event}), said)
        if _number(said) < shown_level:
            raise structlog.DropEvent
        return render(logger, name, event)

    handlers: list[logging.Handler] = [_StandardError(), _Keeping(keep)]
    for handler, at, how in zip(
        handlers, (shown_level, kept_level), (render, as_json), strict=True
    ):
        handler.setLevel(at)
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *shared],
                processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, how],
            )
        )
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h, _StandardError | _Keeping)]:
        root.removeHandler(old)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(least)
    for name in _NOISY_LOGGERS:
        noisy = max(least, logging.WARNING) if least > logging.DEBUG else least
        logging.getLogger(name).setLevel(noisy)
    structlog.configure(
        processors=[*shared, write],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=_LineLogger,
        cache_logger_on_first_use=False,
    )


def _number(level: str) -> int:
    return _LEVELS.get(level, logging.INFO)


def _summary(line: str) -> dict[str, Any]:
    """What is remembered of an error: no trace, which is in the log."""
    try:
        said: dict[str, Any] = json.loads(line)
    except ValueError:
        return {"event": line[:_MAX_REASON_CHARACTERS]}
    trace = str(said.get("exception", "")).strip().rpartition("\n")[2]
    reason = str(said.get("reason") or said.get("error") or trace)
    kept: dict[str, Any] = {
        key: said[key] for key in ("timestamp", "event", "turn", "error_id") if key in said
    }
    return {**kept, "reason": reason[:_MAX_REASON_CHARACTERS]}


def _renderers(console: bool) -> list[Processor]:
    stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=not console)
    if console:
        colours = sys.stderr is not None and sys.stderr.isatty()
        return [
            stamp,
            _write_out,
            structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=_write_trace),
        ]
    return [
        stamp,
        structlog.processors.format_exc_info,
        structlog.processors.UnicodeDecoder(),
        _write_json,
    ]


def _write_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return escape_controls(_ENCODER.encode(event))


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
