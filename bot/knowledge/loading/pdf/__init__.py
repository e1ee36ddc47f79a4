"""PDF files: letters, words, lines, columns, tables, headings."""
