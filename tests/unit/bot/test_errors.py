"""Errors, and the one place that turns them into what a person is told."""

from __future__ import annotations

import pytest

from backends import errors as backend_errors
from backends.errors import BackendBusy, BackendError, ContextOverflow
from bot import errors
from bot.errors import Busy, MissingOption, ParlanceError, UserFacingError, nearest
from bot.turns.outcome import empty_answer, outcome_of


def subclasses(base: type[Exception]) -> list[type[Exception]]:
    """Those that the same module defines, the deepest included."""
    found = []
    for each in base.__subclasses__():
        if each.__module__ == base.__module__:
            found += [each, *subclasses(each)]
    return sorted(found, key=_name)


def _name(kind: type[Exception]) -> str:
    return kind.__name__


def make(kind: type[Exception]) -> Exception:
    if kind is MissingOption:
        return MissingOption("ask", "question", "A sentence.")
    if kind in (Busy, BackendBusy):
        return kind(3.0)
    if kind is ContextOverflow:
        return ContextOverflow(10, 5)
    return kind("A sentence.")


@pytest.mark.parametrize("module", [errors, backend_errors])
def test_every_error_is_drawn_in_the_tree(module: object) -> None:
    drawn = module.__doc__ or ""
    for name in vars(module):
        value = getattr(module, name)
        if isinstance(value, type) and issubclass(value, Exception):
            assert name in drawn


@pytest.mark.parametrize("kind", subclasses(UserFacingError))
def test_what_a_person_can_change_is_a_refusal_without_an_id(kind: type[Exception]) -> None:
    outcome = outcome_of(make(kind))
    assert outcome.state == "refused"
    assert outcome.notice is not None
    assert (outcome.notice.kind, outcome.error_id) == ("refusal", None)


@pytest.mark.parametrize("kind", subclasses(BackendError))
def test_every_error_of_an_engine_has_an_outcome(kind: type[Exception]) -> None:
    outcome = outcome_of(make(kind))
    persons = issubclass(kind, BackendBusy | ContextOverflow)
    assert (outcome.state == "refused") == persons
    assert (outcome.error_id is None) == persons
    assert outcome.notice is not None
    assert "\n" not in outcome.notice.text


def test_an_unexpected_error_says_nothing_of_itself() -> None:
    outcome = outcome_of(RuntimeError("token xoxb-1"))
    assert outcome.notice is not None
    assert "xoxb" not in outcome.notice.text
    assert outcome.error_id is not None
    assert outcome.error_id in outcome.notice.text


def test_two_errors_have_two_ids() -> None:
    assert outcome_of(OSError()).error_id != outcome_of(OSError()).error_id
    assert empty_answer("default").error_id is None, "the log has nothing more about it"


def test_busy_says_when_to_come_back_and_never_at_once() -> None:
    assert str(Busy(0)) == "Busy just now; try again in about 1 s."
    assert Busy(90, "Later.").retry_after_s == 90


def test_the_nearest_known_word() -> None:
    assert nearest("sumarize", ["ask", "summarize"]) == "summarize"
    assert nearest("xyz", ["ask", "summarize"]) is None


def test_the_core_has_one_base() -> None:
    own = [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, Exception)]
    assert all(issubclass(kind, ParlanceError) for kind in own)
