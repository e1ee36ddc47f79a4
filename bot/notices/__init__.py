"""What an operator is told of by itself: what goes wrong, and that it is well again."""
