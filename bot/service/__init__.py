"""Parlance as a service of the system: units of systemd, property lists of launchd."""
