"""What a skill is, what it is given, and how plugins bring it."""
