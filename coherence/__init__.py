"""Keeps copies of rows true: whatever changes a row, however it does, no copy of it is served for long.

A change log in PostgreSQL gives every commit a number; a copy carries the number at which it was read, and counts only
while no later change of its row is known. `docs/coherence.md` tells how; `cache.CoherentCache` is what an app uses,
`triggers.note_changes` what its model declares. Knows no app.
"""
