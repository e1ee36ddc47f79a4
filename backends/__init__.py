"""Model engines. Nothing here imports from `bot` or `plugins`."""
