"""Skills: their declaration, the context and services they get, and the loading of plugins."""
