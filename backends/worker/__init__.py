"""An engine in a child process, and the watch over child processes."""
