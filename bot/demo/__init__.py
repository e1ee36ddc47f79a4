"""Demonstrations that ship: folders with a configuration, documents and plugins of their own."""
