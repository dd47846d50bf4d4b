"""What every lookup is about: the personality elara, as the service keeps her in Redis."""

import json
import os
from typing import Any

from redis import Redis

NAME = "elara"
ID_KEY = f"personality:global:{NAME}:id"
CONFIG_KEY = f"personality:global:{NAME}:config"
SECONDS = 86_400  # a peer keeps its copy as long as the service does


def stored() -> tuple[str, dict[str, Any]]:
    """Her id and configuration, for a peer to keep in its own way."""
    client: Any = Redis.from_url(os.environ["REDIS_URL"])
    with client:
        return json.loads(client.get(ID_KEY)), json.loads(client.get(CONFIG_KEY))
