"""The HTTP interface: the caller's own preferences, and what they make of a prompt."""
