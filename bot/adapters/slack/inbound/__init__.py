"""What Slack sends, as events."""
