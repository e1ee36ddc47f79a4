"""Markdown and other markups as blocks."""
