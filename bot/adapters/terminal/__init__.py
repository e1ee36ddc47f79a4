"""The terminal adapter: a chat in the terminal, or lines from a pipe."""
