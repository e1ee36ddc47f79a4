"""Whether an answer's citations and figures hold."""
