"""A model whose answers are written down, for tests of skills."""
