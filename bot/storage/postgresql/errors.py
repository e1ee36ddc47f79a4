"""Explains the errors of PostgreSQL, and tells which pass by themselves."""

from __future__ import annotations

from typing import Final

from psycopg import Error, OperationalError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot.errors import StorageError
from bot.storage.address import ServerAddress

_PASSING_STATES: Final = frozenset({"40001", "40P01", "55P03", "23503", "23505"})
"""Serialization failure, deadlock, lock not available: the transaction has changed nothing. A row
that is there already, or whose owner is gone: another process was faster, and what is run again
finds it so."""
_AWAY_STATES: Final = ("08", "57P", "53300")
"""By how they begin: the connection was cut or could not be made, the server stops or starts, or
has no connection left."""
_READ_ONLY_STATE: Final = "25006"
_EXPLAINED: Final = (
    ("53100", "there is no space left on its disk"),
    (_READ_ONLY_STATE, "it can only be read; it may be a standby"),
    ("28", "it does not accept the name or the password"),
    ("3D000", "there is no such database; create it first"),
    ("42501", "this user may not do that there"),
    ("53300", "it has no connection left"),
    ("57P03", "it is starting or stopping; try again in a moment"),
)
_REFUSALS: Final = (
    ("password", "28P01"),
    ("authentication", "28P01"),
    ("pg_hba.conf", "28000"),
    ('role "', "28000"),
    ("does not exist", "3D000"),
    ("too many clients", "53300"),
    ("connection slots", "53300"),
    ("session is read-only", _READ_ONLY_STATE),
    ("hot standby mode", _READ_ONLY_STATE),
    ("starting up", "57P03"),
    ("shutting down", "57P03"),
)
"""What a server says that lets nobody in, and the state that it means: libpq hands on the words
alone, in English unless the server was told otherwise."""


def driver_error(exc: BaseException) -> Error | None:
    """The error of the driver in an error of SQLAlchemy, or itself."""
    found = exc.orig if isinstance(exc, DBAPIError) else exc
    return found if isinstance(found, Error) else None


def _state_of(error: Error) -> str:
    """The SQLSTATE of an error, empty where it tells none."""
    if error.sqlstate is not None:
        return error.sqlstate
    said = str(error)
    return next((state for words, state in _REFUSALS if words in said), "")


def is_passing(exc: BaseException) -> bool:
    """Whether the transaction was undone for a reason that passes."""
    found = driver_error(exc)
    return found is not None and found.sqlstate in _PASSING_STATES


def is_read_only(exc: BaseException) -> bool:
    """Whether the server, or its database, can only be read by now."""
    found = driver_error(exc)
    return found is not None and found.sqlstate == _READ_ONLY_STATE


def is_away(exc: BaseException) -> bool:
    """Whether the server cannot be reached, or has cut the connection."""
    if isinstance(exc, DBAPIError) and exc.connection_invalidated:
        return True
    found = driver_error(exc)
    if found is None:
        return False
    if found.sqlstate is None and _state_of(found) == _READ_ONLY_STATE:
        return True  # of a connection that is to be one that writes: another may be that soon
    if state := _state_of(found):
        return state.startswith(_AWAY_STATES)
    return isinstance(found, OperationalError)


def storage_error(address: ServerAddress, exc: BaseException) -> StorageError | None:
    """The error as one sentence for an operator, without what the server said, which may quote
    texts; None if it is no error of the database."""
    if not isinstance(exc, SQLAlchemyError | Error):
        return None
    found = driver_error(exc)
    state = _state_of(found) if found is not None else ""
    what = next((words for begin, words in _EXPLAINED if state.startswith(begin)), None)
    if what is None and isinstance(exc, PoolTimeout):
        what = "all connections are in use"
    if what is None and is_away(exc):
        no_host = "resolve host" in str(found)
        what = "there is no host of that name" if no_host else "it cannot be reached"
    if what is None:
        what = f"it cannot be used ({type(found or exc).__name__}{f' {state}' if state else ''})"
    return StorageError(f"The database {address}: {what}.")
