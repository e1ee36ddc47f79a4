"""Programs that a sandbox must end, refuse, or keep small."""

from __future__ import annotations

from typing import Final

ENDED: Final = {
    "while True: pass": "time",
    "x = [0] * 10**9": "MemoryError",
    "10 ** 10 ** 7": "Error",
    "def f(): return f()\nf()": "RecursionError",
    "while True: print('x' * 1000)": "too much",
    "print('x' * 10_000_000)": "too much",
    "[0] * 3_000_000": "too much",
    "import time\ntime.sleep(100)": "sleep limit",
    "while True:\n    try: print('x' * 1000)\n    except BaseException: pass": "too much",
}
"""What would go on, or take all there is, and what is said of it."""

REFUSED: Final = {
    "open('/etc/passwd').read()": "PermissionError",
    "import os\nos.environ": "Error",
    "import os\nos.system('ls')": "Error",
    "import socket": "ModuleNotFoundError",
    "import subprocess": "ModuleNotFoundError",
    "__import__('os').system('ls')": "NameError",
    "().__class__.__base__.__subclasses__()": "Error",
    "(lambda: 0).__globals__": "Error",
    "eval('open(chr(120))')": "Error",
    "import pathlib\nprint(pathlib.Path('/etc/passwd').read_text())": "Error",
    "input()": "NameError",
    "def f(": "SyntaxError",
    "-" * 19_000 + "1": "nested",
    "raise ValueError('x' * 1_000_000)": "xxx",
    "\ud800": "",
    "print('\x00')": "",
    "x = '\u202e'": "",
}
"""What a sandbox does not have, and what is said of it."""
