"""Where clouds serve a machine's secrets to whoever asks from that machine: nothing may make us ask there."""

from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from socket import inet_aton

Address = IPv4Address | IPv6Address
# Where an IPv4 address stands within IPv6, as bits to its right: mapped, translated, compatible, NAT64, 6to4.
IPV4_IN_IPV6 = [
    *((ip_network(text), (0,)) for text in ("::ffff:0:0/96", "::ffff:0:0:0/96", "::/96", "64:ff9b::/96")),
    (ip_network("64:ff9b:1::/48"), (0,)),
    (ip_network("2002::/16"), (80,)),
]
# By RFC 6052 it may also stand farther to the left, behind a prefix of 48, 56 or 64 bits; then the ninth octet is free.
NAT64, NAT64_PLACES = ip_network("64:ff9b:1::/48"), (40, 32, 24)
# Besides link-local addresses.
METADATA = {
    ip_address(text)
    for text in (
        "100.100.100.200",  # Alibaba's
        "168.63.129.16",  # Azure's
        "192.0.0.192",  # Oracle's
        "fd00:100::100:200",  # Alibaba's
        "fd00:42::42",  # Scaleway's
        "fd00:a9fe:a9fe::1",  # Akamai's
        "fd00:c1::a9fe:a9fe",  # Oracle's
        "fd00:ec2::23",  # Amazon's, for pods
        "fd00:ec2::254",  # Amazon's
        "fd20:ce::254",  # Google's
    )
}
NAMES = {
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
}


def is_metadata_host(host: str) -> bool:
    """Whether `host` is one of those names or addresses, in any spelling that a resolver accepts.

    Another name may lead to such an address all the same: ask again with what it was resolved to.
    """
    name = host.rstrip(".").lower()
    address = _address(name.partition("%")[0])
    return name in NAMES or (address is not None and any(map(_holds_secrets, _meant_by(address))))


def _holds_secrets(address: Address) -> bool:
    return address.is_link_local or address in METADATA


def _meant_by(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 addresses within it."""
    yield address
    for network, places in IPV4_IN_IPV6:
        if address in network:
            yield from (IPv4Address(int(address) >> place & 0xFFFFFFFF) for place in places)
    if address in NAT64:
        without_ninth = int(address) >> 64 << 56 | int(address) & (1 << 56) - 1
        yield from (IPv4Address(without_ninth >> place & 0xFFFFFFFF) for place in NAT64_PLACES)


def _address(host: str) -> Address | None:
    """None for a name. C's resolver also takes 0xa9fea9fe for an address, so this does too."""
    with suppress(ValueError):
        return ip_address(host)
    with suppress(OSError):
        return IPv4Address(inet_aton(host))
    return None
