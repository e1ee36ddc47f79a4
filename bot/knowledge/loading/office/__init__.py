"""Office documents and books, from their own XML."""
