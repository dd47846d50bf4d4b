"""What PostgreSQL does by itself when a personality is written, by whatever means."""

import pgtrigger

COUNT = """
given := NEW.updated_at;
NEW.version := OLD.version;
NEW.updated_at := OLD.updated_at;
IF NEW IS DISTINCT FROM OLD THEN
    NEW.version := OLD.version + 1;
    NEW.updated_at := CASE WHEN given IS DISTINCT FROM OLD.updated_at THEN given ELSE clock_timestamp() END;
END IF;
RETURN NEW;
"""


def count_versions() -> pgtrigger.Trigger:
    """Count a version and note the time when anything changes, and only then. Two writers cannot count the same one."""
    return pgtrigger.Trigger(
        name="count_versions",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        declare=[("given", "timestamptz")],
        func=COUNT,
    )
