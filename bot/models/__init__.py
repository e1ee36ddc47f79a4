"""The models, and which one answers in a conversation."""
