"""The control socket: the way in beside a running bot, for the commands of the same user."""
