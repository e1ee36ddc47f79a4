"""The names of files that are made from a model's file, and stand beside it.

A copy is named for the file that it was made from, in the state in which that was, and for what it
is good for: `NAME.prepared-0123456789abcdef.gguf`. So a file that is fetched anew has no copy.
"""

from __future__ import annotations

import glob
import hashlib
from pathlib import Path

_MARK = ".prepared-"


def copy_path(original: Path, purpose: str) -> Path:
    """Return where the copy of a file for a purpose stands, whether it is there or not.

    Raises `OSError` if the original is not there.
    """
    found = original.stat()
    state = f"{original.name}\n{found.st_size}\n{found.st_mtime_ns}\n{purpose}"
    key = hashlib.sha256(state.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return original.with_name(f"{original.stem}{_MARK}{key}.gguf")


def remove_copies(original: Path, keep: Path | None = None) -> bool:
    """Remove what was made from a file, and what is written down about it; return whether there was
    any. Everything of the copy `keep` stays.
    """
    gone = False
    for path in original.parent.glob(f"{glob.escape(original.stem)}{_MARK}*"):
        if keep is None or path.stem != keep.stem:
            path.unlink(missing_ok=True)
            gone = True
    return gone
