"""Turns what Discord sends into events for the core."""
