"""Which models there are, and which answers where."""
