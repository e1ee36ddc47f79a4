"""Power levels as roles, direct rooms, and who may invite."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from plugins.matrix.batch import Room
from plugins.matrix.homeserver import Homeserver
from plugins.matrix.identity import Identity
from plugins.matrix.rooms import Powers, Rooms, parse_role
from plugins.matrix.settings import MatrixSettings, MatrixTiming, may_invite, token_variable

RECORDED: dict[str, Any] = json.loads(
    (Path(__file__).parent / "recorded_events.json").read_text("utf-8")
)
ADA, EVE = "@ada:example.org", "@eve:example.org"


def powers(version: str) -> Powers:
    created, levels = (RECORDED[f"m.room.{name} {version}"] for name in ("create", "power_levels"))
    return Powers(created, levels)


class TestPowers:
    def test_in_version_11_the_levels_say_it(self) -> None:
        found = powers("11")
        assert (found.of(ADA), found.of(EVE), found.of("@zoe:example.org")) == (100, 50, 0)

    def test_in_version_12_the_creators_stand_above_the_levels(self) -> None:
        found = powers("12")
        assert (found.of(ADA), found.of(EVE)) == (math.inf, math.inf)
        assert found.of("@zoe:example.org") == 0

    def test_without_levels_an_older_rooms_creator_has_all(self) -> None:
        found = Powers(RECORDED["m.room.create 11"], {})
        assert (found.of(ADA), found.of(EVE)) == (100, 0)

    def test_levels_that_are_no_numbers_count_for_nothing(self) -> None:
        levels = {"content": {"users": {ADA: "50", EVE: "much"}, "users_default": None}}
        found = Powers(RECORDED["m.room.create 11"], levels)
        assert (found.of(ADA), found.of(EVE), found.of("@zoe:example.org")) == (50, 0, 0)


def test_a_name_with_slashes_names_a_file() -> None:
    odd = Identity("@bot/../x:example.org:8448", "A/B", frozenset(), "MATRIX_TOKEN")
    assert odd.store_name == "@bot%2F..%2Fx:example.org:8448_A%2FB.db"
    plain = Identity("@parlance:example.org", "ABC", frozenset(), "MATRIX_TOKEN")
    assert plain.store_name == "@parlance:example.org_ABC.db"


@pytest.mark.parametrize(
    ("role", "parsed"),
    [
        ("!abc:example.org/50", ("!abc:example.org", 50)),
        ("!XYZ/100", ("!XYZ", 100)),
        ("moderator", None),
        ("#ops:example.org/50", None),
        ("!abc/-1", None),
    ],
)
def test_a_role_is_a_room_and_a_level(role: str, parsed: tuple[str, int] | None) -> None:
    assert parse_role(role) == parsed


class TestDirectRooms:
    @pytest.fixture
    def rooms(self) -> Rooms:
        made = Rooms(Homeserver("http://127.0.0.1:9", "t", 1.0), "@bot:example.org", MatrixTiming())
        made._direct = {ADA: ["!old", "!new"], EVE: ["!crowd"]}
        known = [Room("!old", "", True, 1), Room("!new", "", True, 2), Room("!crowd", "", True, 3)]
        made.update(known, [])
        return made

    def test_a_marked_room_of_two_is_direct(self, rooms: Rooms) -> None:
        assert rooms.is_direct("!new")
        assert rooms.direct_with(ADA) == "!new"

    def test_a_third_person_ends_that(self, rooms: Rooms) -> None:
        assert not rooms.is_direct("!crowd")
        assert rooms.direct_with(EVE) is None

    def test_a_room_of_two_that_is_not_marked_is_none(self, rooms: Rooms) -> None:
        rooms.update([Room("!pair", "", False, 2)], [])
        assert not rooms.is_direct("!pair")

    def test_a_room_whose_people_nobody_has_counted_is_none(self, rooms: Rooms) -> None:
        rooms._direct[EVE].append("!uncounted")
        rooms.update([Room("!uncounted", "", True, None)], [])
        assert not rooms.is_direct("!uncounted")
        assert rooms.direct_with(EVE) is None

    def test_a_count_holds_until_there_is_another_one(self, rooms: Rooms) -> None:
        rooms.update([Room("!new", "named", True, None)], [])
        assert rooms.is_direct("!new")
        assert rooms.find("named") == "!new"
        rooms.update([Room("!new", "named", True, 3)], [])
        assert not rooms.is_direct("!new")

    def test_a_room_that_was_left_is_gone(self, rooms: Rooms) -> None:
        rooms.update([], ["!new"])
        assert rooms.direct_with(ADA) is None


class TestSettings:
    @pytest.mark.parametrize(
        ("allowed", "person", "may"),
        [
            ((), ADA, True),
            ((), "@ada:elsewhere.org", False),
            (("elsewhere.org",), "@ada:elsewhere.org", True),
            (("elsewhere.org",), ADA, False),
            ((ADA,), ADA, True),
            ((ADA,), EVE, False),
            (("*",), "@ada:elsewhere.org", True),
        ],
    )
    def test_who_may_invite(self, allowed: tuple[str, ...], person: str, may: bool) -> None:
        settings = MatrixSettings(invites_from=allowed)
        assert may_invite(settings, person, "example.org") is may

    def test_each_account_has_its_own_token(self) -> None:
        settings = MatrixSettings(
            homeserver="https://a.example/", more_homeservers={"work": "https://b.example"}
        )
        assert settings.homeservers == {"main": "https://a.example", "work": "https://b.example"}
        assert [*map(token_variable, settings.homeservers)] == ["MATRIX_TOKEN", "MATRIX_WORK_TOKEN"]

    @pytest.mark.parametrize("url", ["example.org", "https://example.org/_matrix", "ftp://a", ""])
    def test_a_homeserver_is_an_address_without_a_path(self, url: str) -> None:
        with pytest.raises(ValidationError, match="homeserver"):
            MatrixSettings(homeserver=url)

    def test_the_rate_keeps_room_for_ends(self) -> None:
        rate = MatrixSettings(edit_share=0.1).rate
        assert (rate.burst, rate.kept) == (3.0, 2.0)
        assert rate.per_s == pytest.approx(0.02)
