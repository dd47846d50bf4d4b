"""What PostgreSQL promises about messages, by whatever means they are written."""

import pgtrigger

UNBROKEN = """
IF TG_OP = 'INSERT' AND NEW.position > 1 AND NOT EXISTS (
    SELECT FROM public.conversations_message
    WHERE conversation_id = NEW.conversation_id AND position = NEW.position - 1
) THEN
    RAISE EXCEPTION 'message % of conversation % follows none', NEW.position, NEW.conversation_id
        USING ERRCODE = 'check_violation';
END IF;
IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM public.conversations_conversation WHERE id = OLD.conversation_id) THEN
    RAISE EXCEPTION 'message % of conversation % goes only with the whole', OLD.position, OLD.conversation_id
        USING ERRCODE = 'check_violation';
END IF;
RETURN NULL;
"""


def unbroken() -> list[pgtrigger.Trigger]:
    """Positions have no gaps: a message follows the one before, is never changed, and goes with its conversation.

    Deferred to the commit, for the messages of a conversation are deleted before it.
    """
    order = pgtrigger.Trigger(
        name="unbroken",
        when=pgtrigger.After,
        operation=pgtrigger.Insert | pgtrigger.Delete,
        timing=pgtrigger.Deferred,
        func=UNBROKEN,
    )
    return [order, pgtrigger.Protect(name="never_changed", operation=pgtrigger.Update)]
