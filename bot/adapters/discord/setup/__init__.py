"""Invite link, permissions and checks for the operator."""
