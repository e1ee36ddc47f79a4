"""What a server of tools asks in the middle of a call, told once more on Matrix."""

from __future__ import annotations

import pytest

from tests.peers.matrix_places import driver
from tests.scenarios.conftest import make_house
from tests.scenarios.test_inquiries import (
    asks,
    house,
    test_a_call_that_asks_is_lost_with_the_process_and_that_is_told,
    test_a_page_to_open_is_shown_to_the_asker_alone,
    test_what_a_server_asks_can_be_declined,
)

__all__ = [
    "asks",
    "driver",
    "house",
    "make_house",
    "test_a_call_that_asks_is_lost_with_the_process_and_that_is_told",
    "test_a_page_to_open_is_shown_to_the_asker_alone",
    "test_what_a_server_asks_can_be_declined",
]

pytestmark = pytest.mark.peers
