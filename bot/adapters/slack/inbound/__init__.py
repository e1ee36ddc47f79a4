"""Turns what Slack sends into events for the core."""
