"""Answers drawn from passages."""
