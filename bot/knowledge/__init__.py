"""Documents in, evidence out: loading, chunking, indexing, and search."""
