"""Answers from documents: query rewriting, grounded answers, extractive quotes."""
