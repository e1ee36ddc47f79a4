"""Reads documents as Markdown, with one loader for each format."""
