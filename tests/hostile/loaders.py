"""A plugin whose loaders do what a loader should not; each is a closure, as a plugin's may be."""

PLUGIN = """
import ctypes
import os
import time

from bot.api import Loaded, Loader, Refused, hookimpl


def spin(data, name):
    while True:
        pass


def allocate(data, name):
    return Loaded(str(len(bytearray(8_000_000_000))))


def fill(data, name):
    rows = []
    while True:
        rows.append(b"x" * 1_000_000)
        time.sleep(0.01)


def hide(data, name):
    try:
        return allocate(data, name)
    except Exception as error:
        raise Refused(f"{name} is damaged.") from error


def swallow(data, name):
    kept = []
    try:
        while True:
            kept.append(bytearray(4_000_000))
    except MemoryError:
        pass
    raise Refused(f"{name} has no readable text.")


def wait(data, name):
    with open(data.decode(), "w") as stream:
        stream.write(str(os.getpid()))
    time.sleep(600)


def divide(data, name):
    return Loaded(str(1 / 0))


def tell(data, name):
    return Loaded(" ".join(os.environ))


def leave(data, name):
    raise SystemExit("enough")


WHAT = {
    "crash": lambda data, name: ctypes.string_at(0),
    "abort": lambda data, name: os.abort(),
    "spin": spin,
    "allocate": allocate,
    "fill": fill,
    "hide": hide,
    "swallow": swallow,
    "wait": wait,
    "divide": divide,
    "leave": leave,
    "tell": tell,
    "fine": lambda data, name: Loaded(data.decode().upper()),
}


@hookimpl
def register_loaders():
    def made(work):
        return lambda data, name: work(data, name)

    return [Loader(name, frozenset({f".{name}"}), made(work)) for name, work in WHAT.items()]
"""
