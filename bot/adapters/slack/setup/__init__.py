"""What an operator sets up at Slack."""
