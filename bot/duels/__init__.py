"""Duels: two models answer the same, people vote without knowing which is which."""
