"""Questions that take more steps than one: several parts, lists of documents, changes."""
