"""The processes of one bot that share a database: who lives, who serves what, in which order."""
