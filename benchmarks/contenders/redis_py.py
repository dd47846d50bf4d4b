"""redis-py with its C parser (hiredis), over TCP: GET of the keys that the service keeps."""

import json
import os
from typing import Any

from redis import Redis

from benchmarks.commands import Commands, timed
from benchmarks.subject import CONFIG_KEY, ID_KEY


def commands() -> Commands:
    client: Any = Redis.from_url(os.environ["REDIS_URL"])
    return timed(
        id=lambda: client.get(ID_KEY),
        config=lambda: json.loads(client.get(CONFIG_KEY)),
    )
