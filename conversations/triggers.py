"""The triggers that keep messages in order and unchanged, and drop prompts that nothing holds any more."""

import pgtrigger

from personalities.models import SAME_OR_REFUSED

# Checked at COMMIT, because PostgreSQL deletes the messages of a conversation before the conversation. Each time with a
# plan of its own: one kept from when a table was small would read the whole of it for every row of a large import.
UNBROKEN = """
IF TG_OP = 'INSERT' AND NEW.position > 1 THEN
    EXECUTE 'SELECT EXISTS (SELECT FROM public.conversations_message WHERE conversation_id = $1 AND position = $2)'
        INTO found USING NEW.conversation_id, NEW.position - 1;
    IF NOT found THEN
        RAISE EXCEPTION 'message % of conversation % follows none', NEW.position, NEW.conversation_id
            USING ERRCODE = 'check_violation';
    END IF;
END IF;
IF TG_OP = 'DELETE' THEN
    EXECUTE 'SELECT EXISTS (SELECT FROM public.conversations_conversation WHERE id = $1)'
        INTO found USING OLD.conversation_id;
    IF found THEN
        RAISE EXCEPTION 'message % of conversation % goes only with the whole', OLD.position, OLD.conversation_id
            USING ERRCODE = 'check_violation';
    END IF;
END IF;
RETURN NULL;
"""

UNUSED = """NOT EXISTS (SELECT FROM public.conversations_conversation WHERE prompt_id = prompt.sha256)
    AND NOT EXISTS (SELECT FROM public.conversations_earlierprompt WHERE prompt_id = prompt.sha256)"""
# Whoever pins a conversation meanwhile has locked its prompt (see `prompts.keep`): that one is skipped. The others are
# looked at again once they are locked, by a statement of its own, which sees what was committed before.
DROP_UNUSED = f"""
unused := ARRAY(
    SELECT sha256 FROM public.conversations_prompt AS prompt WHERE sha256 IN (SELECT prompt_id FROM gone)
    AND {UNUSED}
    FOR UPDATE OF prompt SKIP LOCKED);
DELETE FROM public.conversations_prompt AS prompt WHERE sha256 = ANY(unused)
    AND {UNUSED};
RETURN NULL;
"""  # noqa: S608


def unbroken() -> pgtrigger.Trigger:
    """For messages: each follows another, and none goes without its conversation."""
    return pgtrigger.Trigger(
        name="unbroken",
        when=pgtrigger.After,
        operation=pgtrigger.Insert | pgtrigger.Delete,
        timing=pgtrigger.Deferred,
        declare=[("found", "boolean")],
        func=UNBROKEN,
    )


def never_changed() -> pgtrigger.Trigger:
    """For messages: an update that changes anything is refused."""
    return pgtrigger.Trigger(
        name="never_changed", when=pgtrigger.Before, operation=pgtrigger.Update, func=SAME_OR_REFUSED
    )


def drop_unused_prompts() -> pgtrigger.Trigger:
    """For a table whose rows hold a prompt: the last of them takes the prompt along."""
    return pgtrigger.Trigger(
        name="drop_unused_prompts",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Delete,
        referencing=pgtrigger.Referencing(old="gone"),  # type: ignore[no-untyped-call]
        declare=[("unused", "text[]")],
        func=DROP_UNUSED,
    )
