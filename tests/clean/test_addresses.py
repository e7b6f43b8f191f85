"""Which four numbers are an address and which a version."""

from __future__ import annotations

import pytest

from tilth.clean.addresses import find_ips


def found(text: str) -> list[str]:
    return [text[start:end] for start, end in find_ips(text)]


@pytest.mark.parametrize(
    "text",
    [
        "It needs numpy 1.26.4.0 or later.",
        "Fixed in version 12.4.31.2 of the driver, built from 4.1.2.3.",
        "pip install sometool==4.25.3.1, requires libfoo >= 1.2.3.4, package foo (1.2.3.4)",
        "Build 1.2.3.4 came out on Monday. Upgrade to v3.11.7.2 first.",
        "Works with Django 4.2.7.1 and up; Oracle 11.2.0.4 and 19.3.0.0",
        "Mozilla/5.0 Chrome/96.0.110.45 Safari/12.1.2.3",
        "bump foo from 1.200.3.4 to 1.200.3.5, updated from 4.1.200.3 to 4.1.200.9",
        "foo-1.200.3.4.tar.gz, foo_1.200.3.4-1.deb, numpy1.260.4.0, Python 3.80.1.2rc1",
        '{"version": "1.200.3.4"}, version=\'1.220.3.4\', <version>1.200.3.4</version>',
        "В версии 3.200.1.5, 版本：1.200.3.4, バージョン2.200.4.5, 버전 1.200.3.4",
        "เวอร์ชัน 1.200.3.4, الإصدار 1.200.3.4, Section 8.200.4.44, Figure 1.2.3.4",
        "sometool:4.25.3.1, tag 1.2.3.4, mysql-connector 8.0.31.1",
    ],
)
def test_versions_are_no_addresses(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("The server answered from 81.2.69.160 at noon.", ["81.2.69.160"]),
        ("Ping 8.8.8.8 or 9.9.9.9; connect to 5.6.7.8:53", ["8.8.8.8", "9.9.9.9", "5.6.7.8"]),
        ("host 1.2.3.4 is down, login from 4.31.2.9", ["1.2.3.4", "4.31.2.9"]),
        ("http://81.2.69.160/x, ssh root@81.2.69.160", ["81.2.69.160"] * 2),
        ("Bob 81.2.69.160 edited this, IP81.2.69.160, ip=81.2.69.160", ["81.2.69.160"] * 3),
        ("服务器8.8.8.8回答来自81.2.69.160的用户", ["8.8.8.8", "81.2.69.160"]),
        ("to 2607:f8b0:4005::200e: timed out", ["2607:f8b0:4005::200e"]),
        (
            "IP:2607:f8b0:4005::200e, [2607:f8b0:4005::1]:443",
            ["2607:f8b0:4005::200e", "2607:f8b0:4005::1"],
        ),
        ("1:2607:f8b0:4005::200e, a::b, std::beef::c", []),
    ],
)
def test_addresses_stay_addresses(text: str, addresses: list[str]) -> None:
    assert found(text) == addresses
