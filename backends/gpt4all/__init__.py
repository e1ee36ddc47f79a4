"""GPT4All, in a process of its own."""
