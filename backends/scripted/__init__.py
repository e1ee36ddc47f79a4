"""A backend with scripted answers, for tests of skills."""
