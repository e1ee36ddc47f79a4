"""What a command is, how it is written, and who may use it."""
