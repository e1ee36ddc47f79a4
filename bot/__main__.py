"""Entry point of `parlance` and of `python -m bot`.

Until the command runs, Ctrl-C and SIGTERM end the process at once, without a trace: the imports
alone take a second, and nothing is open yet that would have to be closed.
"""

# What `signal` wraps: it is built in, where importing the other takes another 10 ms.
import _signal  # type: ignore[import-not-found]
import os


def _leave(number: int, _: object) -> None:
    os._exit(128 + number)


for _number in (_signal.SIGINT, _signal.SIGTERM):
    if _signal.getsignal(_number) is not _signal.SIG_IGN:  # as it is for what a shell runs with &
        _signal.signal(_number, _leave)


def main() -> None:
    """Run the command line."""
    from bot.cli import main as command

    command()


if __name__ == "__main__":
    main()
