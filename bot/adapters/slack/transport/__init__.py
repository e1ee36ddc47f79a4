"""The connection to Slack."""
