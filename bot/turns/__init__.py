"""From an event to its one end."""
