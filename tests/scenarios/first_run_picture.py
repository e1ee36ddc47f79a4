"""Draws the README's first picture: the first minute in a real terminal, as it was recorded.

    python -m tests.scenarios.first_run_picture docs/images/first-run.svg

`parlance run` with the real default model runs in a pseudo-terminal, and somebody types. What
stands on the screen at the end is drawn, and each row appears when it did, with shorter pauses. Who
wants no motion, or has a viewer without, sees the end. It takes minutes, since the documents are
read first: a test compares what stands there with the program as it is, and records nothing.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Sequence
from html import unescape
from pathlib import Path

from rich.terminal_theme import MONOKAI
from rich.text import Text

from bot.adapters.terminal.adapter import EXAMPLE_LINES
from bot.adapters.terminal.screen import Screen
from tests.fakes.terminal_screen import TerminalScreen

ROOT = Path(__file__).parents[2]
COLUMNS, ROWS = 84, 200
PROMPT = "›"
_READY_S, _ANSWER_S, _QUIET_S = 600.0, 180.0, 1.0
_KEY_S = 0.05
_MAX_PAUSE_S = 1.2
_FORMAT = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" \
aria-label="The first minute in the terminal: a greeting, an answer from the documents with its \
source, and the list of models">
<style>
.{unique_id}-matrix {{ font-family: Menlo, Consolas, monospace; font-size: {char_height}px; \
line-height: {line_height}px; }}
{styles}
MOTION
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


class _Session:
    """`parlance run` in a pseudo-terminal of its own."""

    def __init__(self, folder: Path) -> None:
        self._keyboard, screen = pty.openpty()
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DISCORD_", "SLACK_")) and name != "NO_COLOR"
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bot", "run"],
            stdin=screen, stdout=screen, stderr=screen, cwd=ROOT, start_new_session=True,
            env=environment | {
                "PARLANCE_DATA_DIR": str(folder), "PARLANCE_CONFIG": str(ROOT / "config.yaml"),
                "TERM": "xterm-256color", "LC_ALL": "C.UTF-8",
            },
        )  # fmt: skip
        os.close(screen)
        self._began = time.monotonic()
        self.screen = TerminalScreen(COLUMNS, lambda text: os.write(self._keyboard, text.encode()))

    def look(self, for_s: float) -> bool:
        """Take in what is shown within so many seconds; whether there was anything."""
        ready, _, _ = select.select([self._keyboard], [], [], for_s)
        if ready:
            data = os.read(self._keyboard, 65536)
            self.screen.feed(data, time.monotonic() - self._began)
        return bool(ready)

    def wait_for_prompt(self, within_s: float) -> None:
        """Wait until the last row is an empty prompt, and nothing more comes."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            if not self.look(_QUIET_S) and self.screen.text(self.screen.row) == PROMPT:
                return
        raise TimeoutError(f"no prompt within {within_s:.0f} s")

    def type(self, line: str) -> None:
        for sign in line:
            os.write(self._keyboard, sign.encode())
            until = time.monotonic() + _KEY_S
            while (left := until - time.monotonic()) > 0:
                self.look(left)
        while self.look(_KEY_S * 4):  # what was suggested is shown
            continue
        os.write(self._keyboard, b"\r")

    def end(self) -> None:
        os.write(self._keyboard, b"\x04")
        try:
            self._process.wait(30)
        finally:
            if self._process.poll() is None:
                self._process.kill()
            os.close(self._keyboard)


def record(lines: Sequence[str] = EXAMPLE_LINES) -> list[tuple[Text, float]]:
    """The rows from the greeting on, each with the seconds after which it stood there."""
    with tempfile.TemporaryDirectory() as folder:
        session = _Session(Path(folder))
        try:
            session.wait_for_prompt(_READY_S)
            for line in lines:
                session.type(line)
                session.wait_for_prompt(_ANSWER_S)
            screen = session.screen
            texts = [screen.text(n) for n in range(len(screen.rows))]
            first = next(n for n, text in enumerate(texts) if text.startswith("Parlance."))
            last = max(n for n, text in enumerate(texts) if text)
            shown = [(screen.styled(n), screen.since[n]) for n in range(first, last + 1)]
        finally:
            session.end()
    return shown


def draw(rows: Sequence[tuple[Text, float]]) -> str:
    """The picture of recorded rows, as SVG."""
    screen = Screen(
        record=True,
        width=COLUMNS,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    for line, _ in rows:
        screen.print(line)
    motion = _motion(rows).replace("{", "{{").replace("}", "}}")
    svg = screen.export_svg(
        title="make run",
        theme=MONOKAI,
        code_format=_FORMAT.replace("MOTION", motion),
        unique_id="first",
    )
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def _motion(rows: Sequence[tuple[Text, float]]) -> str:
    """The style that lets each row appear in its turn, and lets what was typed be typed."""
    rules, at, before = [], 0.0, rows[0][1]
    for number, (line, since) in enumerate(rows):
        if not line.plain.strip():
            continue
        row = f'.first-matrix [clip-path="url(#first-line-{number})"]'
        typed = line.plain.startswith(f"{PROMPT} ")
        seconds = len(line.plain) * _KEY_S if typed else 0.2
        at += min(max(since - before, 0.0), _MAX_PAUSE_S)
        before = max(since, before)
        name, steps = ("type", f"steps({len(line.plain)})") if typed else ("show", "linear")
        rules.append(f"{row} {{ animation: {name} {seconds:.1f}s {steps} {at:.1f}s both; }}")
        at += seconds if typed else 0.0
    return "\n".join(
        [
            "@keyframes show { from { opacity: 0; } }",
            "@keyframes type { from { clip-path: inset(0 100% 0 0); }",
            "to { clip-path: inset(0); } }",
            "@media (prefers-reduced-motion: no-preference) {",
            *rules,
            "}",
        ]
    )


_PIECE = re.compile(
    r'<text [^>]*? x="(?P<x>[\d.]+)"[^>]*? textLength="(?P<length>[\d.]+)"'
    r'[^>]*?#first-line-(?P<row>\d+)\)"[^>]*>(?P<text>[^<]*)</text>'
)


def rows_of(svg: str) -> list[str]:
    """The rows of text of a picture."""
    found: dict[int, str] = {}
    for piece in _PIECE.finditer(svg):
        text = unescape(piece["text"]).replace("\xa0", " ")
        column = round(float(piece["x"]) * len(text) / float(piece["length"]))
        row = int(piece["row"])
        found[row] = found.get(row, "").ljust(column) + text
    return [found[row].rstrip() for row in sorted(found)]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(record()), "utf-8")
