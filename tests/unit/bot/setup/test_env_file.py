"""Secrets are written into `.env`, and nothing else of it changes."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values

from bot.errors import ConfigError
from bot.setup.env_file import set_values, write_values

TEXT = """# Discord: Developer Portal
DISCORD_TOKEN=

# Slack
  export SLACK_BOT_TOKEN='xoxb-old'  # of last year
NOTE="two
lines"
# SLACK_APP_TOKEN=
"""


def read(text: str) -> dict[str, str | None]:
    return dict(dotenv_values(stream=io.StringIO(text), interpolate=False))


def test_a_value_goes_to_where_its_variable_stands() -> None:
    after = set_values(TEXT, {"DISCORD_TOKEN": "a.b-c", "SLACK_APP_TOKEN": "xapp-1"})
    assert "# Discord: Developer Portal\nDISCORD_TOKEN=a.b-c\n\n# Slack\n" in after
    assert after.endswith("# SLACK_APP_TOKEN=\nSLACK_APP_TOKEN=xapp-1\n")
    assert 'NOTE="two\nlines"\n' in after
    assert read(after)["SLACK_BOT_TOKEN"] == "xoxb-old"


def test_an_exported_one_stays_exported() -> None:
    after = set_values(TEXT, {"SLACK_BOT_TOKEN": "xoxb-new"})
    assert "  export SLACK_BOT_TOKEN=xoxb-new\n" in after
    assert set_values(after, {"SLACK_BOT_TOKEN": "xoxb-new"}) == after


@pytest.mark.parametrize("value", ["it's#one", 'a"b\\c', "$HOME", "#x", "a=b"])
def test_any_secret_is_read_as_it_was_written(value: str) -> None:
    assert read(set_values("", {"TEAM_KEY": value})) == {"TEAM_KEY": value}
    assert read(set_values("A=1", {"TEAM_KEY": value})) == {"A": "1", "TEAM_KEY": value}


@pytest.mark.parametrize("value", ["", "a b", "a\nADMIN=1", "\x1b[31mred", "ä", "a\x00"])
def test_what_is_no_secret_is_refused_and_not_quoted(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        set_values(TEXT, {"TEAM_KEY": value})
    assert not value.strip() or value not in str(caught.value)


class TestFile:
    def test_a_new_one_is_its_owners_alone(self, tmp_path: Path) -> None:
        path = tmp_path / ".env"
        assert write_values(path, {"DISCORD_TOKEN": "a.b.c"}) is None
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text().splitlines()[-1] == "DISCORD_TOKEN=a.b.c"
        assert [p.name for p in tmp_path.iterdir()] == [".env"]

    def test_a_value_that_is_replaced_is_kept_in_a_copy(self, tmp_path: Path) -> None:
        path = tmp_path / ".env"
        path.write_text(TEXT)
        path.chmod(0o644)
        assert write_values(path, {"DISCORD_TOKEN": "a.b.c"}) is None  # nothing was there
        first = path.read_text()
        copy = write_values(path, {"SLACK_BOT_TOKEN": "xoxb-new"})
        assert copy is not None
        assert copy.read_text() == first
        assert {stat.S_IMODE(p.stat().st_mode) for p in (path, copy)} == {0o600}
        assert write_values(path, {"SLACK_BOT_TOKEN": "xoxb-new"}) is None

    def test_the_mode_is_mended_where_nothing_else_changes(self, tmp_path: Path) -> None:
        path = tmp_path / ".env"
        path.write_text("A_B=1\n")
        path.chmod(0o644)
        write_values(path, {"A_B": "1"})
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_one_behind_a_link_is_written_where_it_is(self, tmp_path: Path) -> None:
        real = tmp_path / "secrets"
        real.write_text("")
        (tmp_path / ".env").symlink_to(real)
        write_values(tmp_path / ".env", {"A_B": "1"})
        assert (tmp_path / ".env").is_symlink()
        assert read(real.read_text()) == {"A_B": "1"}

    def test_a_folder_in_its_place_is_said(self, tmp_path: Path) -> None:
        (tmp_path / ".env").mkdir()
        with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
            write_values(tmp_path / ".env", {"A_B": "1"})

    def test_a_failed_copy_changes_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / ("e" * 250)  # the name of a copy would be too long
        path.write_text("A_B=old\n")
        with pytest.raises(ConfigError, match="no copy can be made"):
            write_values(path, {"A_B": "new"})
        assert path.read_text() == "A_B=old\n"
