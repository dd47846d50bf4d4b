"""Coherent caching of database rows: however a row is changed, outdated copies of it stop being served.

A change log in PostgreSQL gives every commit a number; a copy carries the number at which it was read and counts only
while no later change of its row is known. `docs/coherence.md` explains it. An app uses `cache.CoherentCache`, with
`redis_copies.RedisCopies` to share copies through Redis; its model declares `triggers.note_changes`. This package
depends on no app.
"""
