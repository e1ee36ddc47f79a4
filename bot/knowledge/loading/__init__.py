"""From bytes to Markdown: one loader for each format."""
