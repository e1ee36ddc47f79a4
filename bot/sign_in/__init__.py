"""How people come into the console: links that work once, sessions, and what was changed there."""
