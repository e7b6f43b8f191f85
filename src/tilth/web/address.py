"""Which network addresses a recipe may reach.

A recipe is shared and a page's links are written by strangers, so neither may point this machine
at its own network. Every address is checked *after* resolution and the checked address is the one
that is dialled: a name cannot pass the check and resolve to something else a moment later (DNS
rebinding). A host in the recipe's ``allow_hosts`` is exempt, by its name and at its ports: what
else listens at that machine is nothing that a stranger's link may ask.
"""

from __future__ import annotations

import csv
import ipaddress
import re
import socket
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib.resources import files
from urllib.parse import urlsplit

# Translation prefix of IPv6-only networks (RFC 6052): the IPv4 address is in the last 32 bits.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# All that IANA has given out as global unicast (RFC 4291; its IPv6 Address Space registry).
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_MULTICAST = ipaddress.IPv4Network("224.0.0.0/4")

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Served = Mapping[str, tuple[str, int]]
# Hosts and ports that may be at addresses that are not public.
Places = frozenset[tuple[str, int]]

PORTS: Mapping[str, int] = {"http": 80, "https": 443}
# As an address has it, with a port or without; an IPv6 address alone needs no brackets.
_WITH_PORT = re.compile(r"(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?", re.A)

# RFC 1035 section 2.3.4. The IDNA codec takes longer than linear for a longer one.
_MAX_HOST = 253


class AddressRefusedError(OSError):
    """An address outside the public internet, at a host and port that the recipe does not allow.

    An `OSError`, so that HTTP libraries pass it through as a failed connection.

    Attributes:
        host: The host.
        address: What it is at.
        place: Host and port, as `allow_hosts` may have them.
    """

    def __init__(self, host: str, port: int, address: str, allowed: Places = frozenset()) -> None:
        said = f"{host} is at {address}, which is not a public address"
        ports = sorted(other for name, other in allowed if name == host)
        if ports:
            said += f"; it is allowed at port {', '.join(map(str, ports))} and not at {port}"
        super().__init__(said)
        self.host = host
        self.address = address
        self.place = joined(host, port)


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


@cache
def _special() -> dict[int, list[tuple[int, int, bool]]]:
    """The special-purpose blocks by IP version: (mask, network, whether globally reachable).

    The most specific first. The table is IANA's own (RFC 6890, 8190), its IPv4 and IPv6 registries
    one behind the other as of 2026-07-18: www.iana.org/assignments/iana-ipv4-special-registry and
    .../iana-ipv6-special-registry, file `...-special-registry-1.csv`. Only "True" is reachable:
    what is terminated or not applicable (Teredo, 6to4) is not.
    """
    text = files("tilth.web").joinpath("special-addresses.csv").read_text(encoding="utf-8")
    blocks = [
        (ipaddress.ip_network(block.split()[0]), row["Globally Reachable"] == "True")
        for row in csv.DictReader(text.splitlines())
        for block in row["Address Block"].split(",")
    ]
    blocks.sort(key=lambda one: -one[0].prefixlen)
    found: dict[int, list[tuple[int, int, bool]]] = {4: [], 6: []}
    for network, is_reachable in blocks:
        place = (int(network.netmask), int(network.network_address), is_reachable)
        found[network.version].append(place)
    return found


def is_public(address: IPAddress) -> bool:
    """Whether an address is on the public internet, by IANA's registries.

    False for loopback, private, link-local, shared (carrier-grade NAT, RFC 6598), multicast,
    reserved and unspecified addresses, for IPv6 addresses that wrap one of those (IPv4-mapped,
    NAT64), and for those of tunnels that nobody runs any more (6to4, Teredo).
    """
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped
        if wrapped is None and address in _NAT64:
            wrapped = ipaddress.IPv4Address(address.packed[-4:])
        if wrapped is not None:
            return is_public(wrapped)
        if address not in _GLOBAL_UNICAST:
            return False
    elif address in _MULTICAST:
        return False
    number = int(address)
    for mask, network, is_reachable in _special()[address.version]:
        if number & mask == network:
            return is_reachable
    return True


def split_place(place: str) -> tuple[str, int | None]:
    """Host and port of an entry of ``allow_hosts``; no port where it has none.

    Raises:
        ValueError: It is neither a host nor a host and a port.
    """
    found = _WITH_PORT.fullmatch(place)
    if found is None:
        return canonical_host(place), None
    port = None if found[3] is None else int(found[3])
    if port is not None and not 0 < port < 1 << 16:
        raise ValueError(f"{port} is no port: {place!r}")
    return canonical_host(found[1] or found[2]), port


def joined(host: str, port: int | None) -> str:
    """Host and port as an address has them."""
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def place_of(url: str) -> tuple[str, int]:
    """Host and port of an http or https address.

    Raises:
        ValueError: It is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in PORTS:
        raise ValueError(f"only http and https are fetched, not {parts.scheme or 'a bare path'!r}")
    port = parts.port
    return canonical_host(parts.hostname or ""), PORTS[parts.scheme] if port is None else port


def allowed_places(allow_hosts: Collection[str], urls: Iterable[str] = ()) -> Places:
    """What ``allow_hosts`` allows: each entry is a host and a port.

    Args:
        allow_hosts: Hosts, with a port or without. One without is allowed at the ports at which the
            recipe's own addresses have it; where it has none there, at 80 and 443.
        urls: The recipe's own addresses; what is none of http is passed over.

    Raises:
        ValueError: An entry is no host.
    """
    named: dict[str, set[int]] = {}
    for url in urls if allow_hosts else ():
        try:
            host, port = place_of(url)
        except ValueError:
            continue
        named.setdefault(host, set()).add(port)
    allowed: set[tuple[str, int]] = set()
    for host, given in map(split_place, allow_hosts):
        ports = (named.get(host) or PORTS.values()) if given is None else (given,)
        allowed.update((host, port) for port in ports)
    return frozenset(allowed)


def check_address(host: str, port: int, address: str, allowed: Places) -> None:
    """Refuse an address that is not public, unless its host is allowed at the port.

    Raises:
        AddressRefusedError: The address is refused.
    """
    host = host.rstrip(".").lower()
    if (host, port) in allowed:
        return
    if not is_public(ipaddress.ip_address(address)):
        raise AddressRefusedError(host, port, address, allowed)


def check_url(url: str, allowed: Places) -> None:
    """Refuse a URL by what it spells out: its scheme, and its host where that is an address.

    HTTP libraries dial literal addresses without asking a resolver, so they are checked here.

    Raises:
        AddressRefusedError: A literal address that is not public.
        ValueError: Not an http or https URL.
    """
    host, port = place_of(url)
    if literal_address(host) is not None:
        check_address(host, port, host, allowed)


def resolve(
    host: str, port: int, allowed: Places = frozenset(), served: Served | None = None
) -> list[tuple[str, int]]:
    """The addresses to dial for a host, each one checked.

    Args:
        host: A host name or literal address.
        port: TCP port.
        allowed: Hosts and ports that may be at addresses that are not public.
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
        check_address(host, port, address, allowed)
    return [(address, port) for address in addresses]


def served_hosts(allow_hosts: Collection[str], address: tuple[str, int]) -> Served:
    """The allowed hosts under ``.localhost``, all at one local server.

    The top-level name is reserved for loopback (RFC 6761), so no real site can be shadowed.
    """
    hosts = (host for host, _ in map(split_place, allow_hosts))
    return {host: address for host in hosts if host.endswith(".localhost")}
