"""Turns loaded documents into indexed passages, and keeps the indexes consistent."""
