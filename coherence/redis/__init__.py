"""Redis behind a circuit breaker."""

import logging

logger = logging.getLogger("coherence.redis")
