"""Stores and finds passages: SQLite tables, an FTS5 index and vectors in Chroma."""
