"""What a transaction does last, once for all jobs that asked for it: such as adding to counters,
whose rows would else be locked for as long as the other jobs take, in whatever order they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, RootTransaction

T = TypeVar("T")
Work = Callable[[Connection, Sequence[T]], None]

_waiting: WeakKeyDictionary[RootTransaction, dict[Work[Any], list[Any]]] = WeakKeyDictionary()
"""By transaction, so that of one that is undone nothing is left."""


def do_last(connection: Connection, work: Work[T], given: T) -> None:
    """Within a job: have `work` done at the end of the transaction, with all that was given for
    it."""
    transaction = connection.get_transaction()
    assert isinstance(transaction, RootTransaction)
    _waiting.setdefault(transaction, {}).setdefault(work, []).append(given)


def finish(connection: Connection) -> None:
    """Do what waits for the end of the transaction: each work in the same place among the others,
    so that two processes do not wait for each other."""
    transaction = connection.get_transaction()
    if isinstance(transaction, RootTransaction):
        waiting = _waiting.pop(transaction, {})
        for work in sorted(waiting, key=lambda work: work.__qualname__):
            work(connection, waiting[work])
