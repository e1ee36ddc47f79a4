"""Memories, reminders, duels and what servers of tools ask, told once more on Matrix."""

from __future__ import annotations

import pytest

from tests.peers.matrix_places import driver
from tests.scenarios.conftest import house, make_house
from tests.scenarios.test_duels import (
    test_a_duel_is_voted_on_before_it_says_who_is_who,
    test_everybody_in_the_channel_has_one_vote_also_after_a_restart,
)
from tests.scenarios.test_memory import (
    test_it_is_forgotten_with_the_person,
    test_it_is_listed_known_in_a_new_conversation_and_deleted,
    test_nobody_else_knows_what_is_kept_for_one,
)
from tests.scenarios.test_reminders import test_a_reminder_over_a_restart

__all__ = [
    "driver",
    "house",
    "make_house",
    "test_a_duel_is_voted_on_before_it_says_who_is_who",
    "test_a_reminder_over_a_restart",
    "test_everybody_in_the_channel_has_one_vote_also_after_a_restart",
    "test_it_is_forgotten_with_the_person",
    "test_it_is_listed_known_in_a_new_conversation_and_deleted",
    "test_nobody_else_knows_what_is_kept_for_one",
]

pytestmark = pytest.mark.peers
