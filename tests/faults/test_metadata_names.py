"""No name of a language model leads to where a cloud serves this machine's secrets."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.promises import Figure
from tooling.environment import ROOT

ADDRESSES = {"bad.example": "169.254.169.254", "worse.example": "fd00:ec2::254", "good.example": "10.9.8.7"}
# In a network of its own, which has these addresses, and with a hosts file of its own.
SCRIPT = """
set -e
ip link set lo up
for address in {addresses}; do ip address add "$address" dev lo; done
mount --bind {hosts} /etc/hosts
exec {python} -c "$CODE"
"""
CODE = """
import asyncio, json
from chat.backends.upstream import Deadlines, UpstreamBackend
from chat.errors import ApiError
from chat.tests.model_server import ModelServer

async def asked(name, address):
    model, connected = ModelServer(), []
    async def serve(reader, writer):
        connected.append(writer)
        await model.serve(reader, writer)
    async with await asyncio.start_server(serve, address, 8080):
        try:
            await UpstreamBackend(f"http://{name}:8080/v1", "key", "m", Deadlines()).complete({"messages": []})
            said = "answered"
        except ApiError as error:
            said = error.code
        return said, len(model.requests), len(connected)

print(json.dumps({name: asyncio.run(asked(name, address)) for name, address in json.loads(ADDRESSES).items()}))
"""
NAMESPACES = ("unshare", "--map-root-user", "--net", "--mount")


def has_namespaces() -> bool:
    return (
        all(map(shutil.which, ("unshare", "ip")))
        and not subprocess.run([*NAMESPACES, "true"], capture_output=True).returncode
    )


@pytest.mark.skipif(not has_namespaces(), reason="needs Linux namespaces")
def test_llm_name__leads_to_metadata__nothing_is_sent(tmp_path: Path, figure: Figure) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("".join(f"{address} {name}\n" for name, address in ADDRESSES.items()))
    script = SCRIPT.format(addresses=" ".join(ADDRESSES.values()), hosts=hosts, python=sys.executable)
    env = {"CODE": f"ADDRESSES = {json.dumps(ADDRESSES)!r}\n{CODE}", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    env |= {"DJANGO_SETTINGS_MODULE": "companion.settings"}
    ran = subprocess.run(
        [*NAMESPACES, "sh", "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout.splitlines()[-1])
    figure(
        "A9",
        f"a request to a language model whose name is resolved to {', '.join(ADDRESSES.values())}",
        "the first two are upstream_unreachable before a byte is sent, and logged; the third is answered",
        before="prompt and key went to all three",
        measured=f"{told}",
        met=all(told[name][:2] == ["upstream_unreachable", 0] for name in ("bad.example", "worse.example"))
        and told["good.example"][:2] == ["answered", 1]
        and "its name leads to 169.254.169.254" in ran.stderr,
        why=ran.stderr,
    )
