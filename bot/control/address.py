"""Where the control socket is: in the data folder, also if that path is too long for a socket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

SOCKET_NAME = "parlance.sock"
MAX_ADDRESS_BYTES = 100
"""Longest address of a Unix socket; systems allow 103 to 107 bytes."""


@contextmanager
def socket_address(data_dir: Path) -> Iterator[str]:
    """An address of the control socket that the system accepts, valid within the block.

    A long path is reached by way of a link in a private temporary folder.
    """
    path = data_dir.absolute() / SOCKET_NAME
    if len(os.fsencode(path)) <= MAX_ADDRESS_BYTES:
        yield str(path)
        return
    with TemporaryDirectory(prefix="parlance-") as near:
        link = Path(near, "data")
        link.symlink_to(path.parent, target_is_directory=True)
        yield str(link / SOCKET_NAME)
