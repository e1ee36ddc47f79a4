"""Renders replies as Slack messages and posts them."""
