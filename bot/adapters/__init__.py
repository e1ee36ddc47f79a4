"""Adapters for the chat platforms, all behind the same protocol."""
