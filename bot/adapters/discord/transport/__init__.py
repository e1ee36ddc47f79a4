"""The connection to Discord, and the conversion of its payloads."""
