"""Engines in child processes, and the supervision of child processes."""
