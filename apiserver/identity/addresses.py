"""Whose connection it is, as far as an address tells. Pure."""

import functools
import ipaddress


@functools.lru_cache(maxsize=4096)
def place_of(host: str) -> str:
    """What counts as one address: of IPv6 the network of 64 bits, since whoever has one of its addresses has
    all of them."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))
