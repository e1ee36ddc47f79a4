"""What was said, kept: turns, processed events, choices, replies and feedback in SQLite."""
