"""What is set up is written beside what a person writes at the same moment."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bot.config.resources import resource
from bot.config.yaml_document import YamlDocument
from bot.errors import ConfigError
from bot.setup.settings_file import add_admin, add_source, change


@pytest.fixture
def path(tmp_path: Path) -> Path:
    copy = tmp_path / "config.yaml"
    shutil.copy(resource("config.yaml"), copy)
    return copy


def test_admins_and_sources_are_added_once_and_comments_stay(path: Path) -> None:
    before = path.read_text().splitlines()
    kept = add_admin(path, "discord:7")
    assert kept is not None
    assert kept.read_text().splitlines() == before
    assert add_admin(path, "discord:7") is None
    add_source(path, {"url": "https://a.example/", "every": "6h"})
    after = path.read_text().splitlines()
    assert "    - discord:7" in after
    assert [line for line in after if line not in before] == [
        "    - discord:7",
        "    - {url: https://a.example/, every: 6h}",
    ]
    assert not [line for line in before if line not in after]


def test_what_a_person_saves_meanwhile_is_read_again(path: Path) -> None:
    hands = iter(["\n# mine\n"])

    def edit(document: YamlDocument) -> None:
        document.append("admins.users", "discord:7")
        if (more := next(hands, "")) != "":
            path.write_text(path.read_text() + more)

    change(path, edit)
    assert "    - discord:7\n" in path.read_text()
    assert path.read_text().endswith("\n# mine\n")


def test_a_file_that_cannot_be_read_is_left_alone(path: Path) -> None:
    path.write_text("broken: [")
    with pytest.raises(ConfigError, match="line 1"):
        add_admin(path, "discord:7")
    assert path.read_text() == "broken: ["


def test_a_change_that_is_none_is_refused_once(path: Path) -> None:
    before, tried = path.read_text(), []

    def edit(document: YamlDocument) -> None:
        tried.append(document)
        document.set("limits.per_person", 0)

    with pytest.raises(ConfigError, match=r"limits\.per_person"):
        change(path, edit)
    assert len(tried) == 1
    assert path.read_text() == before
