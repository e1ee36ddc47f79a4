"""Runs a command that must not outlive its parent: `python -m backends.worker.watchdog COMMAND…`.

The parent holds the other end of standard input. When that closes, however the parent ended, the
command is ended too. Termination signals are passed on; the exit status is the command's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from types import FrameType

_TERMINATION_GRACE_S = 4.0


def main() -> int:
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)

    def pass_on(number: int, frame: FrameType | None) -> None:
        child.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, pass_on)
    threading.Thread(target=_end_with_parent, args=(child,), daemon=True).start()
    status = child.wait()
    return 128 - status if status < 0 else status


def _end_with_parent(child: subprocess.Popen[bytes]) -> None:
    while os.read(sys.stdin.fileno(), 4_096):
        pass
    child.terminate()
    try:
        child.wait(_TERMINATION_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:
        print(f"{sys.argv[1]}: {error.strerror}", file=sys.stderr)  # noqa: T201 - a program's output
        sys.exit(127)
