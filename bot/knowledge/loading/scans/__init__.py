"""Reads scanned pages and pictures by text recognition, in a child process of its own."""
