"""Which network addresses a recipe may reach.

A recipe is shared and a page's links are written by strangers, so neither may point this machine
at its own network. Every address is checked *after* resolution and the checked address is the one
that is dialled: a name cannot pass the check and resolve to something else a moment later (DNS
rebinding). A host in the recipe's ``allow_hosts`` is exempt, by its name.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

# Translation prefix of IPv6-only networks (RFC 6052): the IPv4 address is in the last 32 bits.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Served = Mapping[str, tuple[str, int]]

# RFC 1035 section 2.3.4. The IDNA codec takes longer than linear for a longer one.
_MAX_HOST = 253


class AddressRefusedError(OSError):
    """An address outside the public internet, at a host that the recipe does not allow.

    An `OSError`, so that HTTP libraries pass it through as a failed connection.
    """

    def __init__(self, host: str, address: str) -> None:
        super().__init__(f"{host} is at {address}, which is not a public address")
        self.host = host
        self.address = address


def canonical_host(host: str) -> str:
    """The host in lower case, IDNA-encoded, no trailing dot, numeric IPv4 forms as dotted quads.

    Args:
        host: A name or an address; IPv6 without brackets.

    Raises:
        ValueError: Not a host name.
    """
    host = host.rstrip(".").lower()
    if len(host) > _MAX_HOST:
        raise ValueError(f"a host name of {len(host):,} characters")
    if not host.isascii():
        # The codec of RFC 3490 also maps full-width digits and dots to the plain ones.
        host = host.encode("idna").decode("ascii").rstrip(".").lower()
    if not host or any(c.isspace() or c in "/\\@?#%<>^|" for c in host):
        raise ValueError(f"not a host name: {host!r}")
    if ":" in host:
        return ipaddress.IPv6Address(host).compressed
    last = host.rsplit(".", 1)[-1]
    if last.isdecimal() or last.startswith("0x"):
        # 2130706433, 0x7f.1 and 0177.0.0.1 are all 127.0.0.1 to a socket (and to the WHATWG URL
        # standard), so they are read here as the socket would read them.
        try:
            return socket.inet_ntoa(socket.inet_aton(host))
        except OSError as error:
            raise ValueError(f"not an IPv4 address: {host!r}") from error
    return host


def literal_address(host: str) -> IPAddress | None:
    """The IP address that a canonical host spells out, or None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_public(address: IPAddress) -> bool:
    """Whether an address is on the public internet.

    False for loopback, private, link-local, shared (carrier-grade NAT, RFC 6598), multicast,
    reserved and unspecified addresses, and for IPv6 addresses that wrap one of those (IPv4-mapped,
    6to4, Teredo, NAT64).
    """
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour
        if wrapped is None and address in _NAT64:
            wrapped = ipaddress.IPv4Address(address.packed[-4:])
        if wrapped is not None:
            return is_public(wrapped)
        if address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def check_address(host: str, address: str, allow_hosts: Collection[str]) -> None:
    """Refuse an address that is not public, unless its host is allowed.

    Raises:
        AddressRefusedError: The address is refused.
    """
    if host.rstrip(".").lower() in allow_hosts:
        return
    if not is_public(ipaddress.ip_address(address)):
        raise AddressRefusedError(host, address)


def check_url(url: str, allow_hosts: Collection[str]) -> None:
    """Refuse a URL by what it spells out: its scheme, and its host where that is an address.

    HTTP libraries dial literal addresses without asking a resolver, so they are checked here.

    Raises:
        AddressRefusedError: A literal address that is not public.
        ValueError: Not an http or https URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"only http and https are fetched, not {parts.scheme or 'a bare path'!r}")
    host = canonical_host(parts.hostname or "")
    if literal_address(host) is not None:
        check_address(host, host, allow_hosts)


def resolve(
    host: str, port: int, allow_hosts: Collection[str] = (), served: Served | None = None
) -> list[tuple[str, int]]:
    """The addresses to dial for a host, each one checked.

    Args:
        host: A host name or literal address.
        port: TCP port.
        allow_hosts: Hosts that may be at addresses that are not public.
        served: Hosts that a server of this run answers for: host -> (address, port).

    Returns:
        (address, port) pairs, in the system's order of preference.

    Raises:
        AddressRefusedError: One of the addresses is refused.
        OSError: The name does not resolve.
    """
    if served and host in served:
        return [served[host]]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    for address in addresses:
        check_address(host, address, allow_hosts)
    return [(address, port) for address in addresses]


def served_hosts(allow_hosts: Collection[str], address: tuple[str, int]) -> Served:
    """The allowed hosts under ``.localhost``, all at one local server.

    The top-level name is reserved for loopback (RFC 6761), so no real site can be shadowed.
    """
    return {host: address for host in allow_hosts if host.endswith(".localhost")}
