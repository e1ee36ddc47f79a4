"""What is remembered beyond a prompt: facts that people keep, search in what was said, summaries of
long conversations."""
