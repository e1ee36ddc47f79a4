"""What is different in one channel, and what admins and people chose."""
