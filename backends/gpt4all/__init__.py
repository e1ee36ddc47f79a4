"""The GPT4All engine, in a process of its own."""
