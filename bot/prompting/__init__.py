"""Builds prompts: templates, the context window, the names of speakers."""
