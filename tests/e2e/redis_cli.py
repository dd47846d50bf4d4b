#!/usr/bin/env python3
"""A stand-in for redis-cli where there is none: `-p PORT COMMAND …`, answers as redis-cli prints them to a pipe."""

import sys

import redis

with redis.Redis(port=int(sys.argv[2]), decode_responses=True) as client:
    client.response_callbacks.clear()
    answer = client.execute_command(*sys.argv[3:])
    print("\n".join(map(str, answer)) if isinstance(answer, list) else answer)
