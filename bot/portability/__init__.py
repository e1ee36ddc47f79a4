"""Takes what is kept to another place: a person's own data, and whole installations."""
