"""Saves the files of answers on this machine, since a terminal cannot show them."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path
from typing import Final

from bot.catalogue.sentence import say
from bot.private_files import FILE_MODE, make_folder
from bot.types import File

FOLDER_NAME: Final = "files"
"""Name of the folder in the data folder."""
_ODD: Final = re.compile(r"[^\w.-]+")
_MAX_NAME_CHARACTERS: Final = 100


def save_file(folder: Path, file: File) -> str:
    """Save a file under its name, or another one where that is taken; returns a sentence."""
    name = _ODD.sub("_", file.name)[-_MAX_NAME_CHARACTERS:].lstrip(".") or "file"
    try:
        make_folder(folder)
        for number in itertools.count(1):
            path = folder / (name if number == 1 else f"{number}-{name}")
            try:
                held = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
            except FileExistsError:
                continue
            with open(held, "wb") as out:
                out.write(file.data)
            break
    except OSError as exc:
        return say("The file could not be saved: {reason}.", reason=exc.strerror)
    return say("Saved as `{path}`.", path=path)
