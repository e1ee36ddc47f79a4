"""The store of conversations in SQLite: messages, processed events, choices, replies, feedback."""
