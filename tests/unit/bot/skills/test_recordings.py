"""Names of files are told apart without reading the disk, which would hold up the event loop."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import sys
from bot.events import Attachment
from bot.skills.recordings import recording_refusal
opened = []
sys.addaudithook(lambda event, about: opened.append(about) if event == "open" else None)
print(bool(recording_refusal(Attachment("a.mp3", 1, None, None))), opened)
"""


def test_the_first_name_of_a_process_opens_no_file() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[4],
    )  # fmt: skip
    assert done.stdout == "True []\n"
