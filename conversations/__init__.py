"""Conversations: every message in order and for good in PostgreSQL, and the recent ones fast from Redis."""
