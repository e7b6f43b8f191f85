"""What goes out of a run's folder is nobody's, and who was told apart still is."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from pydantic import JsonValue

from tests.growth.measure import least_s
from tilth.engine.share import shareable, shareable_address, shareable_document
from tilth.records import Json

_EMAIL = "greta.holm@mailbox.se"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a?email=greta.holm%40mailbox.se&p=2", "/a?email=[EMAIL]&p=2"),
        ("/a?u=" + quote(f"/b?e={quote(_EMAIL)}", safe=""), "/a?u=/b?e=[EMAIL]"),
        ("files/greta.holm@mailbox.se/4111111111111111-0.txt", "files/[EMAIL]/[NUMBER]-0.txt"),
        ("/e/4111111111111111", "/e/[CARD]"),
        ("/c?tel=541-714-1388", "/c?tel=[PHONE]"),
        ("/c?tel=5417141388&id=5417141388", "/c?tel=[PHONE]&id=5417141388"),
        ("/541-714-1388/x", "/[PHONE]/x"),
        ("/t?n=541+714+1388&m=%28541%29%20714-1388", "/t?n=541+714+1388&m=[PHONE]"),
        ("/from/2a00:abcd::beef/x", "/from/[IP]/x"),
        ("/iban/DE89370400440532013000.html", "/iban/[IBAN].html"),
        ("/f?refreshToken=A1&idToken=B2", "/f?refreshToken=***&idToken=***"),
        ("/g?u=https%3A%2F%2Fbob%3Apw%40h.test%2F", "/g?u=https%3A%2F%2F***%40h.test%2F"),
        ("//bob:pw@host/;jsessionid=A1", "//***@host/;jsessionid=***"),
        ("http://h/2024/05/06/post-1234567?page=12", "http://h/2024/05/06/post-1234567?page=12"),
        ("http://h/caf%C3%A9/100%25?v=1.2.3.4", "http://h/caf%C3%A9/100%25?v=1.2.3.4"),
        ("http://h/?k=${K}&x=${file:/run/x}", "http://h/?k=${K}&x=${file:/run/x}"),
    ],
)
def test_addresses(text: str, expected: str) -> None:
    assert shareable_address(text) == expected
    assert shareable_address(expected) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from 2a00:abcd::beef on", "from [IP] on"),
        ("from 2a02:fe:ab:cd:ef:ab:cd:ef on", "from [IP] on"),
        (f"ask {_EMAIL}", "ask [EMAIL]"),
        ("ring 541-714-1388", "ring [PHONE]"),
        ("see //bob:pw@host/", "see //***@host/"),
        ("see /a?token=A1", "see /a?token=***"),
        ("see /a;jsessionid=A1", "see /a;jsessionid=***"),
        ("see a: b: c", "see a: b: c"),
    ],
)
def test_texts_are_looked_through_for_all_that_is_found_in_them(text: str, expected: str) -> None:
    assert shareable(text) == expected


def test_what_is_no_text_stays() -> None:
    for value in (None, 3, 2.5, True):
        assert shareable(value) is shareable_address(value) is value


def test_every_string_of_a_document_passes() -> None:
    picture = "data:image/png;base64,ab/+15417141388="
    document: Json = {
        "annotators": [
            {"annotator": _EMAIL},
            {"annotator": "per.ek@mailbox.se"},
            {"annotator": "a"},
        ],
        "confusion": {_EMAIL: {"yes": 1}, "per.ek@mailbox.se": {"yes": 2}, "a": {"yes": 3}},
        "text": [f"from {_EMAIL}", None, 1.5, "http://u:p@h/"],
        "image": picture,
    }
    assert shareable_document(document) == {
        "annotators": [{"annotator": "[EMAIL]"}, {"annotator": "[EMAIL] (2)"}, {"annotator": "a"}],
        "confusion": {"[EMAIL]": {"yes": 1}, "[EMAIL] (2)": {"yes": 2}, "a": {"yes": 3}},
        "text": ["from [EMAIL]", None, 1.5, "http://***@h/"],
        "image": picture,
    }
    once = shareable_document(document)
    assert shareable_document(once) == once
    # The bytes of a picture may look like a number; in what is no picture they are one.
    assert shareable_document({"answer": picture}) != {"answer": picture}
    # Nothing is lost to a name that is there already.
    assert shareable_document({"[EMAIL]": 1, _EMAIL: 2}) == {"[EMAIL]": 1, "[EMAIL]'": 2}


@pytest.mark.parametrize(
    "unit", ["word ", "%40", "%2540", "/a=1", "541-714 ", "1", ":", "a@", "=", "%"]
)
def test_time_is_linear(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    assert least_s(lambda: shareable_address(text), 5) < 5


def test_a_large_document_costs_little() -> None:
    steps: list[JsonValue] = [
        {"name": f"value.arm-{n}/clean.rules", "share": n / 7} for n in range(50_000)
    ]
    assert shareable_document({"steps": steps}) == {"steps": steps}
    assert least_s(lambda: shareable_document({"steps": steps}), 3) < 3
