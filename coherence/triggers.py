"""The triggers that write the change log. A model declares them in its `Meta`: `triggers = note_changes(…)`."""

import pgtrigger

# What the migrations create besides the tables, by name, for checks that a database is complete.
FUNCTIONS = ("public.coherence_note(text)", "public.coherence_timeline()")
SEQUENCES = ("public.coherence_number",)


def note_changes(key: str, *columns: str) -> list[pgtrigger.Trigger]:
    """Triggers that note every inserted, updated or deleted row under `key`, whatever statement did it; and of a
    TRUNCATE that everything may have changed, of all tables.

    Like every trigger they do not run where somebody turns them off: with `session_replication_role = replica` (a
    superuser), `ALTER TABLE … DISABLE TRIGGER` (the table's owner) or `pgtrigger.ignore`.

    `key` is an SQL expression in which `{row}` stands for the row: `'user:' || {row}.id`. Updates are noted when they
    touch `columns`, by default any. Rows are noted at COMMIT, where the change gets its number; TRUNCATE at once.
    """
    updates = pgtrigger.UpdateOf(*columns) if columns else pgtrigger.Update  # type: ignore[no-untyped-call]
    every = pgtrigger.Insert | pgtrigger.Delete | updates
    rows = pgtrigger.Trigger(
        name="note_changes", when=pgtrigger.After, operation=every, timing=pgtrigger.Deferred, func=_note(key)
    )
    # PostgreSQL cannot defer this one. TRUNCATE locks the table until the end of the transaction anyway.
    table = pgtrigger.Trigger(
        name="note_truncation",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Truncate,
        func="PERFORM public.coherence_note('*'); RETURN NULL;",
    )
    return [rows, table]


def _note(key: str) -> str:
    """An update that changes the key notes both, because copies under the old key are outdated too. The schema is named
    because pg_restore writes with an empty search_path.
    """
    old, new = key.format(row="OLD"), key.format(row="NEW")
    return (
        f"IF TG_OP <> 'INSERT' THEN PERFORM public.coherence_note({old}); END IF; "
        f"IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND {new} <> {old} "
        f"THEN PERFORM public.coherence_note({new}); END IF; "
        "RETURN NULL;"
    )
