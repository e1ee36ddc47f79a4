"""The settings of channels, and what admins and people chose at run time."""
