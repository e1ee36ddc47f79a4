"""The documents of a knowledge base: loading, chunking, indexing, search and citation checks."""
