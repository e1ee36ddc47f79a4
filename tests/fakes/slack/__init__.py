"""A Slack of ours on 127.0.0.1: Web API, Socket Mode, and what people do in it."""

from tests.fakes.slack.server import FakeSlack

__all__ = ["FakeSlack"]
