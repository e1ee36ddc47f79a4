"""What is set up is seen in the files, so that setting up goes on where it was left."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bot.config.resources import resource
from bot.config.yaml_document import YamlDocument
from bot.installation import Installation
from bot.setup.settings_file import add_admin, add_source, change
from bot.setup.state import State, Step, look


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DISCORD_TOKEN", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    copy = tmp_path / "config.yaml"
    shutil.copy(resource("config.yaml"), copy)
    return copy


def test_nothing_is_set_up_at_first(path: Path) -> None:
    state = look(Installation.read(path))
    assert state == State(False, (), (), False)
    assert not any(state.is_done(step) for step in Step)


def test_each_step_is_seen_when_it_is_done(path: Path) -> None:
    env = path.parent / ".env"
    env.write_text("DISCORD_TOKEN=a.b.c\nSLACK_BOT_TOKEN=xoxb-1\n")
    state = look(Installation.read(path))
    assert state.platforms == state.without_admin == ("discord",)
    assert state.is_done(Step.DISCORD)
    assert not state.is_done(Step.SLACK)
    assert not state.is_done(Step.ADMIN)
    env.write_text("DISCORD_TOKEN=a.b.c\nSLACK_BOT_TOKEN=xoxb-1\nSLACK_APP_TOKEN=xapp-1\n")
    add_admin(path, "discord:7")
    add_source(path, {"url": "https://a.example/", "every": "6h"})
    state = look(Installation.read(path))
    assert state.without_admin == ("slack",)
    assert state.is_done(Step.DOCUMENTS)
    add_admin(path, "slack:U7")
    assert look(Installation.read(path)).is_done(Step.ADMIN)


def test_another_default_model_is_a_choice(path: Path) -> None:
    def edit(document: YamlDocument) -> None:
        document.set("models.team", {"backend": "scripted"})
        document.set("default_model", "team")

    change(path, edit)
    assert look(Installation.read(path)).is_done(Step.MODEL)


def test_a_choice_is_seen_in_the_configuration_that_ships(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a clone that is the file that setup writes: the model was asked for again."""
    monkeypatch.setattr("bot.config.resources.INSTALLED", True)
    monkeypatch.setattr("bot.config.resources._PACKAGED", path.parent)
    assert resource("config.yaml") == path
    change(path, lambda document: document.set("default_model", "minilm"))
    assert look(Installation.read(path)).is_done(Step.MODEL)
