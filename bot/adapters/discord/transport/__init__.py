"""The connection to Discord, and the values that it carries."""
