from typing import Any

from django_redis.serializers.json import JSONSerializer


class TolerantJSONSerializer(JSONSerializer):
    """JSON; what is not JSON reads as None. One damaged key in a batch must not cost the others."""

    def loads(self, value: bytes) -> Any:
        try:
            return super().loads(value)
        except (ValueError, RecursionError):
            return None
