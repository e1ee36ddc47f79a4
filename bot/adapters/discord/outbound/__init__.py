"""Renders replies as Discord messages and posts them."""
