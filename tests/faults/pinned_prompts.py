"""What a process of some release makes and finds, and what the next release of the same tree looks like.

`python -m tests.faults.pinned_prompts begin OWNER PERSONALITIES COPIES`, and `… told OWNER FILE`, in its root.
"""

import hashlib
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import django

from tooling.environment import ROOT

TEXT = re.compile(r'"([^"\n]*)"( =)?')  # a value, or a key
WRITER = ('f"Your name is {config.display_name}."', 'f"You are called {config.display_name}."')
PACKAGES = ("accounts", "chat", "coherence", "companion", "conversations", "personalities", "preferences",
            "rate_limits", "resilience", "rest", "tests", "tooling", "manage.py", "conftest.py")  # fmt: skip
# More of each conversation: what Django would do one by one.
COPY = """
INSERT INTO conversations_conversation (id, owner_id, personality_id, personality_version, personality_name, prompt_id,
                                        title, created_at, updated_at)
SELECT gen_random_uuid(), owner_id, personality_id, personality_version, personality_name, prompt_id, '', now(), now()
FROM conversations_conversation, generate_series(1, %s) WHERE owner_id = %s
"""


def next_release(folder: Path) -> Path:
    """A copy of this tree in which every sentence, every archetype and one writer say something else."""
    tracked = subprocess.run(["git", "ls-files", "-z", *PACKAGES], cwd=ROOT, check=True, capture_output=True).stdout
    for name in filter(None, tracked.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    data = folder / "personalities" / "data"
    _edit(
        data / "prompt.toml",
        lambda text: TEXT.sub(lambda found: found[0] if found[2] else f'"{found[1]} Or so."', text),
    )
    _edit(data / "archetypes.toml", _other_archetypes)
    _edit(folder / "personalities" / "prompt" / "sections.py", lambda text: text.replace(*WRITER))
    return folder


def _edit(file: Path, change: Callable[[str], str]) -> None:
    before = file.read_text(encoding="utf-8")
    after = change(before)
    assert after != before, file
    file.write_text(after, encoding="utf-8")


def _other_archetypes(text: str) -> str:
    text = re.sub(r'^(description|speaking_style|example_greeting) = "', r"\g<0>Or so: ", text, flags=re.MULTILINE)
    return re.sub(r"_level = (\d+)", lambda found: f"_level = {10 - int(found[1])}", text)


def begin(owner: str, personalities: int, copies: int) -> None:
    """Make personalities of all kinds, pin 1 + `copies` conversations to each, and print an API key of the owner."""
    from django.contrib.auth.models import User
    from django.db import transaction

    from accounts.models import ApiKey
    from conversations import pinning
    from personalities.archetypes import ARCHETYPES, complete
    from personalities.config import BEHAVIORS, TRAITS
    from personalities.models import Personality
    from tests.database import sql

    user, chance = User.objects.create_user(owner), random.Random(1)
    for number in range(personalities):
        columns: dict[str, object] = {trait: chance.randrange(11) for trait in TRAITS}
        columns |= {behavior: chance.random() < 0.5 for behavior in BEHAVIORS}
        columns |= {"archetype": chance.choice(["", *ARCHETYPES]), "backstory": f"Number {number}."}
        named = {"personality_name": f"{owner}-{number}", "display_name": f"Mira {number}", "owner": user}
        with transaction.atomic():
            row = Personality.objects.create(**complete(columns) | named)
            pinning.start(user, row.to_config())
    sql(COPY, copies, user.pk)
    print(ApiKey.objects.issue(user)[1])


def told(owner: str) -> dict[str, tuple[str, str]]:
    """By conversation: the SHA-256 of what a language model is told, and of what this release would make of it."""
    from conversations import pinning
    from conversations.models import Conversation
    from personalities.prompt import common_prefix

    found = {}
    rows = Conversation.objects.filter(owner__username=owner).order_by("personality_id")
    for _, group in groupby(rows.iterator(), lambda row: row.personality_id):
        config = None
        for conversation in group:
            config = config or pinning.config_of(conversation)  # the same for all of them
            text = pinning.prompt_of(conversation, config).text
            found[str(conversation.pk)] = hashlib.sha256(text.encode()).hexdigest(), common_prefix(config).sha256
    return found


if __name__ == "__main__":
    django.setup()
    if sys.argv[1] == "begin":
        begin(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        Path(sys.argv[3]).write_text(json.dumps(told(sys.argv[2])))
