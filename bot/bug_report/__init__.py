"""A file for a bug report: how the bot does, without secrets, names or anybody's words."""
