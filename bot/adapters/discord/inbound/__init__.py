"""What Discord sends, as events."""
