"""The console: pages in a browser that show how the bot does, and steer it."""
