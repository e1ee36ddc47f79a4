"""Turns: how an event is accepted, routed, answered once and recorded."""
