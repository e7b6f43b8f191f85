"""No spelling of a private address passes, and every public one does."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest

from tilth.web.address import (
    AddressRefusedError,
    allowed_places,
    canonical_host,
    check_address,
    check_url,
    is_public,
    resolve,
    served_hosts,
)

_PRIVATE = [
    *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254"),
    *("100.64.0.1", "100.127.255.254", "0.0.0.0", "224.0.0.1", "239.1.1.1", "240.0.0.1"),
    *("255.255.255.255", "192.0.2.1", "198.18.0.1", "203.0.113.9"),
    *("::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "fec0::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:100.64.0.1", "::127.0.0.1"),
    *("2002:7f00:1::1", "2002:a00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    # Those that one version of Python or another takes for public.
    *("192.0.0.8", "192.0.0.170", "192.0.0.171", "192.88.99.1", "192.88.99.2", "198.51.100.7"),
    *("64:ff9b:1::808:808", "100::1", "100:0:0:1::1", "2001:10::1", "2001:2::1", "2002:808:808::1"),
    *("3fff::1", "3fff:fff::1", "5f00::1", "4000::1", "::8.8.8.8", "2001:1::4", "2001:1ff::1"),
]
_PUBLIC = [
    *("8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"),
    *("192.0.0.9", "192.0.0.10", "192.0.1.1", "192.31.196.1", "192.88.98.1", "198.17.255.255"),
    *("2001:1::1", "2001:20::1", "2001:200::1", "2a00:1450:4001::200e", "3ffe::1", "100.128.0.1"),
]


@pytest.mark.parametrize("address", _PRIVATE)
def test_private_addresses_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(AddressRefusedError, match="not a public address"):
        check_address("example.org", 80, address, frozenset())


@pytest.mark.parametrize("address", _PUBLIC)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.0.0.1."),
        *("[::1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:ffff:7f00:1]", "１２７.0.0.1", "127。0。0。1"),
        "017700000001",
    ],
)
def test_every_spelling_of_loopback_is_refused_in_a_url(host: str) -> None:
    with pytest.raises(AddressRefusedError):
        check_url(f"http://{host}/x", frozenset())


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://example.org/", "/etc/passwd", "gopher://x/", "http://1.2.3.4.5/"],
)
def test_other_schemes_and_bad_hosts_are_refused(url: str) -> None:
    with pytest.raises(ValueError):
        check_url(url, frozenset())


def test_an_allowed_host_is_exempt_by_its_name_only() -> None:
    allowed = allowed_places(("127.0.0.1", "intranet.example"))
    check_url("http://127.0.0.1/x", allowed)
    check_address("intranet.example", 443, "10.1.2.3", allowed)
    with pytest.raises(AddressRefusedError):
        check_address("other.example", 443, "10.1.2.3", allowed)
    with pytest.raises(AddressRefusedError):
        check_url("http://127.0.0.2/x", allowed)


def test_an_allowed_host_is_exempt_at_its_ports_only() -> None:
    own = ["http://127.0.0.1:8000/docs/", "s3://bucket/key", "http://["]
    allowed = allowed_places(("127.0.0.1", "[::1]:9000", "db.example:5432", "wiki.example"), own)
    assert allowed == {
        ("127.0.0.1", 8000),
        ("::1", 9000),
        ("db.example", 5432),
        ("wiki.example", 80),
        ("wiki.example", 443),
    }
    check_url("http://127.0.0.1:8000/other", allowed)
    check_url("http://[::1]:9000/", allowed)
    for url in ("http://127.0.0.1/", "http://127.0.0.1:6379/", "http://[::1]/"):
        with pytest.raises(AddressRefusedError) as caught:
            check_url(url, allowed)
        assert "it is allowed at port" in str(caught.value)
    with pytest.raises(AddressRefusedError) as caught:
        check_url("http://[::2]:81/", allowed)
    assert caught.value.place == "[::2]:81"


@pytest.mark.parametrize("place", ["h:0", "h:65536", "h:\u00b2", "a b:80", "[::1]:x", ""])
def test_what_is_no_host_and_port_is_not_allowed(place: str) -> None:
    with pytest.raises(ValueError):
        allowed_places([place])


def test_hosts_have_one_spelling() -> None:
    assert canonical_host("EXAMPLE.org.") == "example.org"
    assert canonical_host("bücher.example") == "xn--bcher-kva.example"
    assert canonical_host("2001:DB8:0:0::1") == "2001:db8::1"
    assert canonical_host("1.2.3.4") == "1.2.3.4"
    for bad in ("", "a b", "a/b", "user@host", "1.2.3.999"):
        with pytest.raises(ValueError):
            canonical_host(bad)


def test_what_a_name_resolves_to_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(host: str, port: int, **_: Any) -> list[Any]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("8.8.8.8", port)), (*kind, ("10.0.0.7", port))]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    with pytest.raises(AddressRefusedError, match=r"10\.0\.0\.7"):
        resolve("example.org", 80)
    allowed = allowed_places(["example.org"])
    assert resolve("example.org", 80, allowed) == [("8.8.8.8", 80), ("10.0.0.7", 80)]


def test_only_localhost_names_are_served() -> None:
    served = served_hosts(("docs.localhost", "example.org"), ("127.0.0.1", 4711))
    assert served == {"docs.localhost": ("127.0.0.1", 4711)}
    assert resolve("docs.localhost", 80, served=served) == [("127.0.0.1", 4711)]
