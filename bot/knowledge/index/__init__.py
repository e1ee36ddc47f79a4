"""Where passages are kept and found: SQLite, full text, Chroma."""
