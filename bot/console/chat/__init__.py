"""The console's own platform: people ask in a browser what they would ask in a chat."""
