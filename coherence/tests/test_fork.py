"""A child is forked, as servers do, while other threads of its parent read. It runs in a process of its own."""

import os
import subprocess
import sys
from typing import Any

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 20
SCRIPT = """
import os, signal, sys, threading, time

signal.alarm(SECONDS)
from django.conf import settings
settings.DATABASES["default"]["NAME"] = os.environ["UNIT_DATABASE"]
import django
django.setup()
from django.contrib.auth.models import User
from django.db import connection
from coherence import change_log
from coherence.cache import CoherentCache
from coherence.feed import feed
from coherence.listener import listener

held, reached, never = threading.Event(), threading.Event(), threading.Event()
parent = os.getpid()

def load(ids):
    found = change_log.NumberedQuery("auth.User", "id = ANY(%(ids)s)")(ids=list(ids))
    if os.getpid() == parent and STUCK in ids:
        reached.set()
        never.wait()
    return found[0], {user.pk: user.username for user in found[1]}

def read():
    while True:
        cache.get(WARM)
        cache.get_many(range(WARM + 100, WARM + 120))

def hold():
    with cache.positive._lock, cache.negative._lock, cache.loads._lock, cache._counting, feed._lock, listener._lock:
        held.set()
        never.wait()

def until(true):
    while not true():  # the alarm is the deadline
        time.sleep(0.01)

def rename(id, name):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE auth_user SET username = %s WHERE id = %s", [name, id])

def listeners():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                       "AND application_name = 'companion: change feed'")
        return cursor.fetchone()[0]

def child():
    signal.alarm(SECONDS)
    assert not listener._thread, "the parent's thread is not ours"
    started = time.monotonic()
    assert cache.get(WARM).value == "warm"
    assert cache.get(STUCK).value == "stuck", "a load is under way in the parent, and not here"
    took = time.monotonic() - started
    assert took < 5, took
    until(lambda: cache.get(WARM).source == "near" and listeners() == 2)  # the parent's, and ours
    for number in range(3):
        rename(WARM, f"new-{number}")
        until(lambda: cache.get(WARM).value == f"new-{number}")

cache = CoherentCache("unit", load, "user:{}".format, capacity=100, stale_if_error_seconds=900)
WARM, STUCK = [User.objects.create(username=name).pk for name in ("warm", "stuck")]
until(lambda: cache.get(WARM) and listeners() == 1)
for target in (read, read, lambda: cache.get(STUCK)):
    threading.Thread(target=target, daemon=True).start()
reached.wait()
threading.Thread(target=hold, daemon=True).start()
held.wait()
if not os.fork():
    status = 3
    try:
        child()
        status = 0
    finally:
        if status:
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
        os._exit(status)
_, status = os.wait()
os._exit(os.waitstatus_to_exitcode(status) & 255)
"""


def run(settings: Any) -> None:
    environment = os.environ | {
        "UNIT_DATABASE": connection.settings_dict["NAME"],
        "REDIS_KEY_PREFIX": settings.REDIS_KEY_PREFIX,
    }
    script = SCRIPT.replace("SECONDS", str(SECONDS))
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=2 * SECONDS)


def test_child__forked_while_other_threads_read__reads_at_once_and_follows_the_log(settings: Any) -> None:
    run(settings)
