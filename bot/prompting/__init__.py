"""What a model is asked: templates, the context window, who spoke."""
