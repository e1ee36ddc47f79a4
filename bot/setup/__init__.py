"""Setting Parlance up, step by step: what is known, what is asked, and what is written."""
