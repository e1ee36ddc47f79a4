"""Words for statuses, sources and notices, the same on every platform."""

from __future__ import annotations

from bot.types import Notice, Source, Status


def status_text(status: Status) -> str:
    """Put a status into words: `queued, number 3, ~20 s`, `thinking, 12 s so far`."""
    if status.text:
        words = status.text
    elif status.stage == "queued" and status.position:
        words = f"queued, number {status.position}"
    elif status.stage == "loading":
        words = "loading the model"
    elif status.stage == "reading" and status.tokens:
        words = f"reading {status.tokens:,} tokens"
    else:
        words = status.stage
    if status.elapsed_s and status.elapsed_s >= 1:
        words += f", {status.elapsed_s:.0f} s so far"
    if status.wait_s:
        words += f", ~{status.wait_s:.0f} s"
    if status.total:
        words += f" ({status.done or 0} of {status.total})"
    return words


def source_text(source: Source) -> str:
    """Describe a source in one line: `[1] Logs — docs/logs.md › Rotation`."""
    where = source.location
    if source.heading:
        where += f" › {source.heading}"
    title = f"{source.title} — " if source.title and source.title != source.location else ""
    numbers = "".join(f"[{number}]" for number in (source.number, *source.also))
    return f"{numbers} {title}{where}"


def notice_text(notice: Notice) -> str:
    """Return the text of a notice, with the id of its error if it has one."""
    if notice.error_id and notice.error_id not in notice.text:
        return f"{notice.text} (error {notice.error_id})"
    return notice.text
