"""Conversations over HTTP, for their owners."""
