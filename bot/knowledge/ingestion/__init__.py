"""From loaded documents to indexed passages."""
