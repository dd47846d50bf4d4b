"""Connects to the address that a host name resolves to, unless that is forbidden.

It may change at any time: each new connection looks the name up, and goes to an address that was checked.
"""

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohappyeyeballs import AddrInfoType, start_connection

from rest.metadata_addresses import is_metadata_host

Networks = Iterable[IPv4Network | IPv6Network]
NEXT_ADDRESS_SECONDS = 0.25  # until the next address is tried as well: RFC 8305
RECEIVE_BUFFER_BYTES = 128 * 1024  # the kernel's: all it holds is read into memory at once
# A language model may think for a while. Lest a firewall forget the connection, the kernel probes it after 5 s.
_EVERY = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}
OPTIONS = [
    (socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    *((socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in _EVERY.items() if hasattr(socket, name)),
]


async def connect(host: str, port: int, networks: Networks = ()) -> socket.socket:
    """A connection to `host`, which must resolve into one of `networks`, if any. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    refusals = [_refusal(str(address[0]), networks) for *_, address in found]
    allowed = [each for each, refusal in zip(found, refusals, strict=True) if not refusal]
    if not allowed:
        raise OSError(f"its name leads to {found[0][-1][0]}, {refusals[0]}" if found else "its name leads nowhere")
    return await start_connection(
        allowed, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS, interleave=1, socket_factory=_socket
    )


def _refusal(host: str, networks: Networks) -> str:
    if is_metadata_host(host):
        return "where clouds serve a machine's secrets"
    address = ip_address(host.partition("%")[0])
    address = (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
    is_allowed = not networks or any(address in network for network in networks)
    return "" if is_allowed else "which is in no network of LLM_HTTP_HOSTS"


def _socket(address: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    new = socket.socket(family, kind, protocol)
    for option in OPTIONS:
        new.setsockopt(*option)
    return new
