"""App manifest and checks for the operator."""
