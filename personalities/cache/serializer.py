from typing import Any

import msgspec
from django_redis.serializers.json import JSONSerializer


class TolerantJSONSerializer(JSONSerializer):
    """JSON; what is not JSON in UTF-8 reads as None. One damaged key in a batch must not cost the others."""

    def loads(self, value: bytes) -> Any:
        try:
            return msgspec.json.decode(value)  # unlike json.loads it refuses half characters (a lone \\ud800)
        except (ValueError, RecursionError):
            return None
