"""The sentences that people read, and the languages that they are read in."""
