"""A reply as it is being written, on any platform."""
