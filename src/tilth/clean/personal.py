"""How each kind of personal data is recognised: a bounded pattern, then a checksum or registry.

What is nobody's stays: addresses and names that standards reserve for documentation, loopback and
private networks, version numbers, ISBNs, numbers without the right check digit. Every pattern is
bounded and starts where a token starts, so that the time is linear in the text.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal

Kind = Literal["email", "iban", "card", "ip", "phone"]
Span = tuple[int, int]

# RFC 5322's dot-atom as it is in use; RFC 5321 bounds: local part 64, label 63 characters.
_EMAIL: Final = re.compile(
    r"(?<![\w.%+'-])[\w%+'-][\w.%+'-]{0,63}@((?:[^\W_](?:[\w-]{0,62})\.){1,8}[^\W\d_]{2,24})(?![\w@-])"
)
# RFC 2606 and RFC 6761: names that belong to nobody.
_RESERVED_DOMAIN: Final = re.compile(
    r"(?:^|\.)(?:example(?:\.(?:com|net|org))?|test|invalid|localhost|local)$", re.I
)
# `icon@2x.png` is a file, `git@host` and `noreply@` are machines.
_FILE_ENDINGS: Final = frozenset(
    ("png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "py", "ico")
)
_MACHINES: Final = re.compile(r"(?:git|hg|svn|no-?reply|do-?not-?reply)$", re.I)

_IBAN: Final = re.compile(r"(?<![^\W_])([A-Za-z]{2})(\d{2})((?:[ -]?[A-Za-z0-9]){11,30})")
# The IBAN registry (SWIFT, ISO 13616): length by country.
_IBAN_LENGTHS: Final = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FO FI GL NL", 19: "MK SI", 20: "AT BA EE KZ XK LT LU",
        21: "CR HR LV LI CH", 22: "BH BG GE DE IE ME RS GB VA", 23: "GI IL IQ TL AE",
        24: "AD CZ MD PK RO SA SK ES SE TN VG", 25: "AO MZ PT ST", 26: "IS TR",
        27: "BI FR GR IT MR MC SM", 28: "AL AZ BY CY DO GT HU LB PL SV", 29: "BR EG PS QA UA",
        30: "JO KW MU", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip


def _after_colon_of(names: str) -> str:
    """Right after a word that says what the number is: such a colon is no part of the number, as
    that of a time, a ratio or an identifier is."""
    places = "|".join(rf"(?<=\b{name}:)" for name in names.split())
    return rf"(?<=:)(?i:{places})"


_NAMED_CARD: Final = _after_colon_of("card visa mastercard maestro amex credit debit")
_CARD: Final = re.compile(
    rf"(?<![\w.,+-])(?:(?<!\w[:/=#])|{_NAMED_CARD})\d(?:[ -]?\d){{11,18}}(?![\w]|[.,-]\d)"
)
# ISO/IEC 7812 issuer ranges with the lengths they use.
_ISSUERS: Final = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})$"
    r"|(?:5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01]|720)\d{12,13})$"
    r"|3[47]\d{13}$"
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12}$"
    r"|3(?:0[0-5]|[689]\d)\d{11}$"
    r"|(?:35(?:2[89]|[3-8]\d)\d{12}|(?:2131|1800)\d{11})$"
    r"|62\d{14,17}$"
    r"|(?:50[0-9]\d|5[6-9]\d\d|6304|67\d\d)\d{8,15}$"
)

_IPV4: Final = re.compile(r"(?<![\w.+-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)")
_IPV6: Final = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])")
_VERSION: Final = re.compile(
    r"(?:\b(?:versions?|release|ver\.?|rev\.?|v|sections?|chapter)|==|[<>~!^]=?|§)[ :=]{0,2}$",
    re.I,
)
# All that IANA has given out: RFC 4291, section 2.4.
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")

_EXTENSION: Final = r"(?:[ ]?(?:x|ext\.?)[ ]?\d{1,5})?"
_NAMED_PHONE: Final = _after_colon_of(
    "tel telephone phone ph fax mobile mob cell call dial ring sms whatsapp "
    "desk reach contact office home work number me us"
)
# What it begins with first: the rest is asked at digits and brackets alone.
_NOT_IN_NUMBER: Final = rf"(?=[(\d])(?:(?<![\w.+/:#=-])|{_NAMED_PHONE})(?<!\d[ ,])"
_ENDS: Final = r"(?!\w|[-+.,/:]\d|[ ]\d)"
# Written so that it is a telephone number and hardly anything else.
_PHONES: Final = (
    # +46 (0)157 548 89 (ITU-T E.123), 001-253-366-9781
    rf"(?<![\w+])(?:\+|00[1-9]\d{{0,2}}[-. ]|\+\d)[1-9]\d{{0,5}}[-. ]?(?:\(0?\d{{0,4}}\)[-. ]?)?"
    rf"\d{{1,8}}(?:[-. ]\d{{2,4}}){{0,4}}{_EXTENSION}{_ENDS}",
    # 541-714-1388, (579)888-3058, 930.167.3943 (North American Numbering Plan)
    rf"{_NOT_IN_NUMBER}(?:1[-. ])?(?:\([2-9]\d\d\)[ ]?|[2-9]\d\d(?P<sep>[-.]))"
    rf"\d{{3}}(?(sep)(?P=sep)|[-. ])\d{{4}}{_EXTENSION}{_ENDS}",
    # (08) 8747 6301, (71) 4233-6306
    rf"{_NOT_IN_NUMBER}\(0?\d{{2,4}}\)[ ]\d{{3,4}}[- ]\d{{3,4}}{_ENDS}",
    # 0490 75 40 81, 03.93.92.16.85, 079 2718 1155: trunk prefix 0
    rf"{_NOT_IN_NUMBER}0[1-9]\d{{0,3}}(?P<trunk>[-. ])\d{{2,4}}"
    rf"(?:(?P=trunk)\d{{2,4}}){{1,3}}{_ENDS}",
    rf"{_NOT_IN_NUMBER}0[1-9]\d{{2}}[- ]\d{{6,7}}{_ENDS}",
)
_PHONE: Final = re.compile("|".join(f"(?:{p})" for p in _PHONES))
# Any other number of 7 to 12 digits needs a word before or after it that says what it is.
_LOOSE_PHONE: Final = re.compile(
    rf"{_NOT_IN_NUMBER}(?:\(\d{{2,4}}\)[ ]?)?\d{{2,12}}(?:[-. ]\d{{2,8}}){{0,4}}{_EXTENSION}{_ENDS}"
)
_CUE_BEFORE: Final = re.compile(
    r"\b(?:tele)?(?:phone|fax|mobile|cell|tel|call|dial|ring|whatsapp|sms|desk|reach)\w{0,6}\b"
    r"(?:[ ]?(?:number|no\.?|me|us|him|her|them|on|at|under|is|:)){0,4}\W{0,4}$",
    re.I,
)
_CUE_AFTER: Final = re.compile(
    r"[ ,\\(-]{1,3}(?:office|fax|mobile|cell|phone|tel|home|work)\b", re.I
)
_DATE: Final = re.compile(
    r"(?:19|20)\d\d[-. ][01]?\d[-. ][0-3]?\d$|[0-3]?\d[-. ][01]?\d[-. ](?:19|20)\d\d$"
)
_CONTEXT_CHARS: Final = 40


def find_emails(text: str) -> Iterator[Span]:
    """Spans of e-mail addresses."""
    if "@" not in text:
        return
    for match in _EMAIL.finditer(text):
        domain = match.group(1)
        local = match.group()[: -len(domain) - 1]
        if (
            not _RESERVED_DOMAIN.search(domain)
            and domain.rpartition(".")[2].lower() not in _FILE_ENDINGS
            and not _MACHINES.match(local)
        ):
            yield match.span()


def find_ibans(text: str) -> Iterator[Span]:
    """Spans of bank account numbers with the right length and check digits (ISO 13616)."""
    for match in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(match.group(1).upper())
        if length is None:
            continue
        end, taken = match.start(), ""
        while end < match.end() and len(taken) < length:
            if text[end].isalnum():
                taken += text[end]
            end += 1
        followed = end < len(text) and text[end].isalnum()
        if len(taken) == length and not followed and has_mod_97(taken):
            yield match.start(), end


def has_mod_97(iban: str) -> bool:
    """The check of ISO 7064 MOD 97-10 over letters as numbers, first four characters last."""
    digits = "".join(str(int(char, 36)) for char in iban[4:] + iban[:4])
    return int(digits) % 97 == 1


def find_cards(text: str) -> Iterator[Span]:
    """Spans of payment card numbers: an issuer's range and length, and Luhn's check digit."""
    for match in _CARD.finditer(text):
        digits = match.group().replace(" ", "").replace("-", "")
        if _ISSUERS.match(digits) and has_luhn(digits):
            yield match.span()


def has_luhn(digits: str) -> bool:
    """The check of ISO/IEC 7812-1, annex B."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        doubled = int(char) * (1 + place % 2)
        total += doubled - 9 * (doubled > 9)
    return total % 10 == 0 and len(set(digits)) > 1


def find_ips(text: str) -> Iterator[Span]:
    """Spans of IP addresses that can be someone's; private, loopback, documentation ones stay."""
    found = [
        match.span()
        for match in _IPV4.finditer(text)
        if _is_personal(match.group()) and not _follows_version(text, match.start())
    ]
    if text.count(":") >= 2:
        matches = _IPV6.finditer(text)
        found += [match.span() for match in matches if _is_personal(match.group())]
    # In the order of the text: what comes after what is replaced already is passed over.
    yield from sorted(found)


def _follows_version(text: str, start: int) -> bool:
    return bool(_VERSION.search(text[max(0, start - _CONTEXT_CHARS) : start]))


def _is_personal(candidate: str) -> bool:
    try:
        address = ipaddress.ip_address(candidate)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and "::" in candidate:
        # `dead::beef` is more often a name than an address.
        return address.is_global and address in _GLOBAL_UNICAST
    return address.is_global and not address.is_multicast


def find_phones(text: str) -> Iterator[Span]:
    """Spans of telephone numbers: written like one, or named as one by a word beside it."""
    certain = [m.span() for m in _PHONE.finditer(text) if _has_phone_digits(m.group(), 8)]
    place = 0  # both are in order: what ends before one candidate ends before all that follow
    for match in _LOOSE_PHONE.finditer(text):
        start, end = match.span()
        while place < len(certain) and certain[place][1] <= start:
            yield certain[place]
            place += 1
        if place < len(certain) and certain[place][0] < end:
            continue
        if not _has_phone_digits(match.group(), 7) or _DATE.match(match.group()):
            continue
        before = text[max(0, start - _CONTEXT_CHARS) : start]
        if _CUE_BEFORE.search(before) or _CUE_AFTER.match(text, end):
            yield start, end
    yield from certain[place:]


def _has_phone_digits(candidate: str, least: int) -> bool:
    """E.164 allows 15 digits; an extension is none of them."""
    main = re.split("x|ext", candidate)[0]
    digits = sum(map(str.isdigit, main))
    return least <= digits <= 16 and not _DATE.match(candidate)


# In the order in which they are looked for: what a checksum proves goes first.
FINDERS: Final[Mapping[Kind, Callable[[str], Iterator[Span]]]] = {
    "email": find_emails,
    "iban": find_ibans,
    "card": find_cards,
    "ip": find_ips,
    "phone": find_phones,
}
