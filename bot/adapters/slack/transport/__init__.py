"""The connection to Slack: Socket Mode, HTTP mode, Web API client and retries."""
