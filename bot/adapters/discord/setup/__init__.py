"""What an operator sets up at Discord."""
