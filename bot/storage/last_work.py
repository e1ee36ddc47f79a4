"""What a transaction does once for all jobs that ask for it, with few statements for many of them.

Each takes time to go to the server and back, and the jobs of a transaction wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, RootTransaction

T = TypeVar("T")
Work = Callable[[Connection, Sequence[T]], None]
_Works = dict[Work[Any], list[Any]]


@dataclass(slots=True)
class _Waiting:
    together: _Works = field(default_factory=dict)
    last: _Works = field(default_factory=dict)


_waiting: WeakKeyDictionary[RootTransaction, _Waiting] = WeakKeyDictionary()
"""By transaction, so that of one that is undone nothing is left."""


def do_together(connection: Connection, work: Work[T], given: T) -> None:
    """Within a job: have `work` done after all jobs, with all that was given for it."""
    _find(connection).together.setdefault(work, []).append(given)


def do_last(connection: Connection, work: Work[T], given: T) -> None:
    """Within a job, or what is done together: the same at the very end of the transaction. It is
    for adding to counters, whose rows would else be locked for as long as the rest takes."""
    _find(connection).last.setdefault(work, []).append(given)


def finish(connection: Connection) -> None:
    """Do what waits for the end of the transaction: in the same order in each process, so that two
    do not wait for each other."""
    waiting = _find(connection)
    for works in (waiting.together, waiting.last):
        while works:
            work = min(works, key=lambda work: work.__qualname__)
            work(connection, works.pop(work))


def _find(connection: Connection) -> _Waiting:
    transaction = connection.get_transaction()
    assert isinstance(transaction, RootTransaction)
    return _waiting.setdefault(transaction, _Waiting())
