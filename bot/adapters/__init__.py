"""The platforms that people talk on, each behind the same protocol."""
