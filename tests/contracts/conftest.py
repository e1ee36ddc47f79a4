"""Lets pytest explain the assertions of the shared contract classes."""

import pytest

pytest.register_assert_rewrite("tests.contracts.backend_contract")
pytest.register_assert_rewrite("tests.contracts.history_contract")
