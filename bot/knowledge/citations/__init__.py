"""Checks the citations and the figures of an answer against the passages."""
