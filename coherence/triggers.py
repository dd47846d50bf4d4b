"""The triggers that write the change log. A model declares them: `class Meta: triggers = note_changes(…)`."""

import pgtrigger


def note_changes(key: str, *columns: str) -> list[pgtrigger.Trigger]:
    """Note each inserted, updated, deleted and truncated row under `key`, by whatever means it was written.

    `key` is an SQL expression in which `{row}` stands for the row: `'user:' || {row}.id`. Of updates, those of
    `columns` are noted, by default all. Deferred to the commit, where the change gets its number.
    """
    updates = pgtrigger.UpdateOf(*columns) if columns else pgtrigger.Update  # type: ignore[no-untyped-call]
    every = pgtrigger.Insert | pgtrigger.Delete | updates
    rows = pgtrigger.Trigger(
        name="note_changes", when=pgtrigger.After, operation=every, timing=pgtrigger.Deferred, func=_note(key)
    )
    # PostgreSQL cannot defer this one. The table is locked till the end anyway.
    table = pgtrigger.Trigger(
        name="note_truncation",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Truncate,
        func="PERFORM public.coherence_note('*'); RETURN NULL;",
    )
    return [rows, table]


def _note(key: str) -> str:
    """Of an update both keys, for the old name of a row is no longer true either. The schema is named, since a
    restore of data writes with an empty search_path.
    """
    old, new = key.format(row="OLD"), key.format(row="NEW")
    return (
        f"IF TG_OP <> 'INSERT' THEN PERFORM public.coherence_note({old}); END IF; "
        f"IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND {new} <> {old} "
        f"THEN PERFORM public.coherence_note({new}); END IF; "
        "RETURN NULL;"
    )
