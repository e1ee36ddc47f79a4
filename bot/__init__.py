"""The core of Parlance: everything between a chat platform and a skill."""
