"""Text that a document, a title, a file's name or a model sends to a terminal or a log."""

from __future__ import annotations

ESC, BELL, CSI, OSC, ST = "\x1b", "\x07", "\x9b", "\x9d", "\x9c"

SCREENS = {
    "a new title": f"{ESC}]0;pwned{BELL}",
    "the clipboard": f"{ESC}]52;c;cm0gLXJmIH4={BELL}",
    "the clipboard, in 8 bits": f"{OSC}52;c;cm0gLXJmIH4={ST}",
    "a cleared screen": f"{ESC}[2J{ESC}[3J{ESC}[H",
    "a cleared screen, in 8 bits": f"{CSI}2J",
    "a cursor that moves": f"{ESC}[5A{ESC}[1Goverwritten",
    "a full reset": f"{ESC}c",
    "an answer typed for the person": f'{ESC}[6n{ESC}[c{ESC}P$q"p{ESC}\\',
    "a link to elsewhere": f"{ESC}]8;;https://evil.example{ESC}\\https://bank.example{ESC}]8;;{ESC}\\",
    "colours": f"{ESC}[31mred{ESC}[0m",
    "a line written over": "approved\rrejected",
    "letters taken back": "safe\b\b\b\bevil",
    "another order": "invoice\u202efdp.exe",
    "an order in an order": "a\u2066b\u2067c\u2068d\u2069",
    "a bell, and a shift of characters": f"{BELL}\x0e\x0f\x00\x7f",
    "line ends of other kinds": "a\x0bb\x0cc\x85d\u2028e\u2029f",
}

MARKUP = "[bold]loud[/bold] [link=https://evil.example]x[/link] [/] :boom:"
"""What rich would read as its own markup."""

FORGED = (
    "x\n2026-11-29T04:00:00Z [info     ] admin added              [bot.commands.access] who=eve",
    "x\r\n12:00:00 [error    ] disk full                [bot.app]",
    'x\n{"event": "admin added", "level": "info", "timestamp": "2026-11-29T04:00:00Z"}',
    "x\u2028forged",
    "x\x85forged",
    "x\x0bforged\x0cforged",
    f"x{ESC}[1A{ESC}[2Kforged",
    f"x{ESC}[31mforged",
    "x\u202edegrof",
)
"""What a name or a message may hold, so that a line of the log looks like another."""
