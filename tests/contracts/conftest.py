"""Lets pytest explain the assertions of the shared contract classes, and makes their cases."""

from dataclasses import fields

import pytest

from tests.fakes.odd_answers import OddAnswers

pytest.register_assert_rewrite("tests.contracts.backend_contract")
pytest.register_assert_rewrite("tests.contracts.history_contract")
pytest.register_assert_rewrite("tests.contracts.server_contract")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each odd answer of the protocol that a class is about."""
    odd = getattr(metafunc.cls, "odd", None)
    if isinstance(odd, OddAnswers):
        for kind in fields(odd):
            if kind.type == "Streams" and kind.name in metafunc.fixturenames:
                metafunc.parametrize(kind.name, list(getattr(odd, kind.name)))
