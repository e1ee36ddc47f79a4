"""Keys that have moved are read where they were, and where they go is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import app
from bot.config import Config, load
from bot.errors import ConfigError


def read(folder: Path, text: str, environ: dict[str, str] | None = None) -> Config:
    path = folder / "config.yaml"
    path.write_text(text, "utf-8")
    return load(path, environ or {})


def test_the_port_of_metrics(tmp_path: Path) -> None:
    config = read(tmp_path, "metrics: {port: 9100, host: 0.0.0.0}")
    assert (config.http.host, config.http.port) == ("0.0.0.0", 9100)
    assert config.metrics.enabled
    assert sorted(config.remarks) == [
        "metrics.host is now http.host; the old key is read in this version and refused in the "
        "next.",
        "metrics.port is now http.port and metrics.enabled; the old key is read in this version "
        "and refused in the next.",
    ]


def test_the_address_of_slack(tmp_path: Path) -> None:
    text = "slack: {mode: http, host: 0.0.0.0, port: 4000, public_url: 'https://bot.example.org'}"
    config = read(tmp_path, text)
    assert (config.http.host, config.http.port) == ("0.0.0.0", 4000)
    assert config.http.public_url == "https://bot.example.org"
    assert not config.metrics.enabled
    assert len(config.remarks) == 3


def test_a_copy_of_the_old_config_yaml_still_measures(tmp_path: Path) -> None:
    slack = "slack: {mode: socket, host: 127.0.0.1, port: 3000, public_url: null}\n"
    silent = read(tmp_path, slack + "metrics: {port: null, host: 127.0.0.1}")
    assert (silent.http.port, silent.metrics.enabled) == (None, False)
    measured = read(tmp_path, slack + "metrics: {port: 9100, host: 127.0.0.1}")
    assert (measured.http.port, measured.metrics.enabled) == (9100, True)


@pytest.mark.parametrize("slack", ["{mode: http}", "{mode: http, port: 3001}"])
def test_two_ports_cannot_be_one(tmp_path: Path, slack: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, f"slack: {slack}\nmetrics: {{port: 9100}}")
    assert str(refused.value) == (
        "config.yaml: metrics.port: there is one HTTP port now, and slack.port says another; take "
        "both out, and set http.host, http.port and metrics.enabled."
    )


def test_the_new_key_comes_first(tmp_path: Path) -> None:
    config = read(tmp_path, "http: {port: 8080}\nmetrics: {port: 9100}\nslack: {port: 3000}")
    assert config.http.port == 8080
    assert config.metrics.enabled


def test_a_variable_and_a_value_that_is_wrong(tmp_path: Path) -> None:
    assert read(tmp_path, "", {"PARLANCE_METRICS__PORT": "9100"}).http.port == 9100
    with pytest.raises(ConfigError, match=r"config\.yaml: metrics\.port: "):
        read(tmp_path, "metrics: {port: many}")
    with pytest.raises(ConfigError, match=r"slack\.prt: there is no such key"):
        read(tmp_path, "slack: {prt: 3000}")


def test_what_is_written_in_the_new_way_needs_no_word(tmp_path: Path) -> None:
    assert read(tmp_path, "http: {port: 8080}\nmetrics: {enabled: true}").remarks == ()


def test_parlance_check_says_where_a_key_went(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "models: {default: {backend: scripted}}\nembedder: default\nmetrics: {port: 9100}\n",
        "utf-8",
    )
    ended = CliRunner().invoke(app, ["check", "--json", "--config", str(path)])
    told = [row["detail"] for row in json.loads(ended.stdout) if row["what"] == "configuration"]
    assert told[1].startswith("metrics.port is now http.port and metrics.enabled;")
    assert ended.exit_code == 0
