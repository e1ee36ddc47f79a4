"""Tools and approvals, told once more on Matrix."""

from __future__ import annotations

import pytest

from tests.peers.matrix_places import driver
from tests.scenarios.conftest import make_house
from tests.scenarios.test_agent import (
    house,
    test_a_long_argument_is_cut_and_can_be_read_whole,
    test_a_press_after_a_restart_is_carried_out_once,
    test_a_press_approves_and_the_card_says_so,
    test_a_question_that_takes_two_tools_is_answered,
    test_markup_in_an_argument_is_shown_as_it_is_written,
    test_the_card_keeps_what_was_decided_in_place_of_its_buttons,
    test_the_press_of_another_person_is_refused,
    test_what_a_model_proposes_to_keep_is_kept_by_a_press,
    test_what_i_may_use_and_what_waits_are_nobody_elses_business,
    test_what_is_refused_is_not_done,
    test_why_shows_each_step,
)

__all__ = [
    "driver",
    "house",
    "make_house",
    "test_a_long_argument_is_cut_and_can_be_read_whole",
    "test_a_press_after_a_restart_is_carried_out_once",
    "test_a_press_approves_and_the_card_says_so",
    "test_a_question_that_takes_two_tools_is_answered",
    "test_markup_in_an_argument_is_shown_as_it_is_written",
    "test_the_card_keeps_what_was_decided_in_place_of_its_buttons",
    "test_the_press_of_another_person_is_refused",
    "test_what_a_model_proposes_to_keep_is_kept_by_a_press",
    "test_what_i_may_use_and_what_waits_are_nobody_elses_business",
    "test_what_is_refused_is_not_done",
    "test_why_shows_each_step",
]

pytestmark = pytest.mark.peers
