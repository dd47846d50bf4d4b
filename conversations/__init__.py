"""Conversations: what was said, in order and for good, and the recent messages of it quickly."""
