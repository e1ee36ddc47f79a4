"""Replies, as Discord shows them."""
