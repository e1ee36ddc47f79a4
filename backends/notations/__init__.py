"""How families of models write thoughts and tool calls, and the one reader of it."""
