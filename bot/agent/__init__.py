"""A model with tools: the loop, who wrote an argument, what a person must approve."""
