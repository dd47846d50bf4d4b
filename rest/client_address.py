"""Whose request it is, as an address: for lock-outs, limits and the log. Nothing else reads X-Forwarded-For."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address
UNIX_SOCKET = IPv4Address("0.0.0.0")  # noqa: S104  # stands for a peer that has no address; TRUSTED_PROXIES calls it unix
MAX_HOPS = 20
WITH_PORT = re.compile(r"\[(.*)\](?::\d+)?|([\d.]+):\d+")  # as some proxies write an address


def client_address(request: HttpRequest) -> Address:
    """The nearest address that is not one of TRUSTED_PROXIES: X-Forwarded-For is read from its end, as far as those who
    wrote it are trusted. Anything else ends that, except an empty element, by RFC 9110. `Forwarded` and X-Real-IP
    are never read: two headers could disagree.
    """
    address = _parse(request.META.get("REMOTE_ADDR", "")) or UNIX_SOCKET
    for hop in reversed(request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")[-MAX_HOPS:]):
        if not hop.strip():
            continue
        found = _parse(hop)
        if found is None or not any(address in network for network in settings.TRUSTED_PROXIES):
            break
        address = found
    return address


def address_block(address: Address) -> str:
    """What limits count as one address: for IPv6 the /64, which is what one customer gets."""
    return str(address if address.version == 4 else ip_network((address, 64), strict=False).network_address)


def _parse(text: str) -> Address | None:
    """The address without port and zone, of IPv4 within IPv6 the IPv4 one; None if it is none."""
    text = text.strip()
    found = WITH_PORT.fullmatch(text)
    try:
        address = ip_address((found[1] or found[2] if found else text).partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
