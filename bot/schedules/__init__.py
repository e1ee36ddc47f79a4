"""Reminders and schedules: what is to be said or asked at a time, and that it happens once."""
