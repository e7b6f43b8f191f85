"""How each kind of personal data is recognised: a bounded pattern, then a checksum or registry.

What is nobody's stays: addresses and names that standards reserve for documentation, loopback and
private networks, version numbers, ISBNs, numbers without the right check digit. Every pattern is
bounded and starts where a token starts, so that the time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal

from tilth.clean.addresses import Span, find_ips
from tilth.clean.letters import AFTER_WORD, BEFORE_WORD, LATIN, MARKS, OTHER

Kind = Literal["email", "iban", "card", "ip", "phone"]

# RFC 5322's dot-atom as it is in use; RFC 5321 bounds: local part 64, label 63 characters. A part
# of Latin letters ends where letters of another script begin; one of these ends where they do.
_LOCAL: Final = "".join(map(chr, range(0x21, 0x250)))
_LATIN_LOCAL: Final = "".join(re.findall(rf"[{LATIN}.%+'-]", _LOCAL))
_MAX_LOCAL: Final = 64
_ANY_LOCAL: Final = re.compile(rf"[\w{MARKS}.%+'-]")
_DOMAIN: Final = re.compile(
    rf"((?:(?!_)[{LATIN}](?:[{LATIN}-]{{0,62}})\.){{1,8}}(?![0-9_])(?:(?![0-9_])[{LATIN}]){{2,24}})"
    rf"(?![{LATIN}@-])"
    # RFC 5890: of letters of other scripts
    rf"|((?:[^\W_](?:[\w{MARKS}-]{{0,62}})\.){{1,8}}(?:[^\W\d_][{MARKS}]{{0,3}}){{2,24}})(?![\w@-])"
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

# What follows is looked at, not taken: a false beginning does not hide the true one behind it.
_IBAN: Final = re.compile(r"([A-Za-z]{2})[0-9]{2}(?=((?:[ -]?[A-Za-z0-9]){11,30}))")
_IBAN_BEGINS: Final = re.compile(r"(?<![A-Za-z0-9])|(?<=[a-z])(?=[A-Z])")
_IBAN_GOES_ON: Final = re.compile(rf"(?!(?<=[0-9]){BEFORE_WORD})[A-Za-z0-9]")
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
    rf"(?=[0-9])(?:(?<![{LATIN}.,+-])|{AFTER_WORD})(?:(?<![{LATIN}][:/=#])|{_NAMED_CARD})"
    rf"[0-9](?:[ -]?[0-9]){{11,18}}(?:(?![{LATIN}]|[.,-][0-9])|{BEFORE_WORD})"
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

_EXTENSION: Final = r"(?:[ ]?(?:x|ext\.?)[ ]?\d{1,5})?"
_NAMED_PHONE: Final = _after_colon_of(
    "tel telephone phone ph fax mobile mob cell call dial ring sms whatsapp "
    "desk reach contact office home work number me us"
)
# A colon after a letter of another script: such a word hardly names anything but what follows.
_AFTER_OTHER: Final = rf"(?<={OTHER}:)"
# What it begins with first: the rest is asked at digits and brackets alone.
_NOT_IN_NUMBER: Final = (
    rf"(?=[(\d])(?:(?<![{LATIN}.+/:#=-])|{AFTER_WORD}|{_AFTER_OTHER}|{_NAMED_PHONE})(?<!\d[ ,])"
)
_ENDS: Final = rf"(?:(?![{LATIN}]|[-+.,/:]\d|[ ]\d)|{BEFORE_WORD})"
# Written so that it is a telephone number and hardly anything else.
_PHONES: Final = (
    # +46 (0)157 548 89 (ITU-T E.123), 001-253-366-9781
    rf"(?:(?<![{LATIN}+])|{AFTER_WORD})(?:\+|00[1-9]\d{{0,2}}[-. ]|\+\d)[1-9]\d{{0,5}}[-. ]?"
    rf"(?:\(0?\d{{0,4}}\)[-. ]?)?\d{{1,8}}(?:[-. ]\d{{2,8}}){{0,4}}(?:-\d)?{_EXTENSION}{_ENDS}",
    # 541-714-1388, (579)888-3058, 930.167.3943 (North American Numbering Plan)
    rf"{_NOT_IN_NUMBER}(?:1[-. ])?(?:\([2-9]\d\d\)[ ]?|[2-9]\d\d(?P<sep>[-.]))"
    rf"\d{{3}}(?(sep)(?P=sep)|[-. ])\d{{4}}{_EXTENSION}{_ENDS}",
    # (08) 8747 6301, (71) 4233-6306
    rf"{_NOT_IN_NUMBER}\(0?\d{{2,4}}\)[ ]\d{{3,4}}[- ]\d{{3,4}}{_ENDS}",
    # 0490 75 40 81, 03.93.92.16.85, 079 2718 1155: trunk prefix 0
    rf"{_NOT_IN_NUMBER}0[1-9]\d{{0,3}}(?P<trunk>[-. ])\d{{2,4}}"
    rf"(?:(?P=trunk)\d{{2,4}}){{1,3}}{_ENDS}",
    rf"{_NOT_IN_NUMBER}0[1-9]\d{{2}}[- ]\d{{6,7}}{_ENDS}",
    # 010-12345678, 0755-12345678
    rf"{_NOT_IN_NUMBER}0[1-9]\d{{1,2}}-\d{{7,8}}{_ENDS}",
    # 8 (916) 123-45-67
    rf"{_NOT_IN_NUMBER}[78][- ]?(?:\(\d{{3}}\)|\d{{3}})[- ]?\d{{3}}-\d{{2}}-\d{{2}}{_ENDS}",
)
# No number has fewer, or more between two of them: most texts are through here.
_SEVEN_DIGITS: Final = re.compile(r"\d(?:\D{0,5}\d){6}")
_PHONE: Final = re.compile("|".join(f"(?:{p})" for p in _PHONES))
# Any other number of 7 to 12 digits needs a word before or after it that says what it is.
_LOOSE_PHONE: Final = re.compile(
    rf"{_NOT_IN_NUMBER}(?:\(\d{{2,4}}\)[ ]?)?\d{{2,12}}(?:[-. ]\d{{2,8}}){{0,4}}{_EXTENSION}{_ENDS}"
)
_CUE_BEFORE: Final = re.compile(
    r"\b(?:tele)?(?:phone|fax|mobile|cell|tel|call|dial|ring|whatsapp|sms|desk|reach)\w{0,6}\b"
    r"(?:[ ]?(?:number|no\.?|me|us|him|her|them|on|at|under|is|:)){0,4}\W{0,4}$"
    # The same in the other scripts, and in what is written in Latin letters besides.
    r"|(?:\b(?:tel[eé]fon|t[eé]l[eé]phone|t[eé]l|handy|mobil|celular|cellulare|тел|моб|звон|факс"
    r"|τηλ|κιν|φαξ)|电话|電話|手机|手機|致电|致電|拨打|撥打|热线|熱線|传真|傳真|联系|聯繫|聯絡|携帯"
    r"|전화|연락|휴대|핸드폰|팩스|โทร|เบอร์|แฟกซ์|มือถือ|ទូរស័ព្ទ|ទូរសព្ទ|هاتف|جوال|موبايل|اتصل|فاكس"
    r"|تلفون|טלפון|נייד|פקס|התקשר|फोन|फ़ोन|मोबाइल|कॉल|ফোন|মোবাইল)[^\d\n,;。，、؛]{0,12}$",
    re.I,
)
_CUE_AFTER: Final = re.compile(
    r"[ ,\\(-]{1,3}(?:office|fax|mobile|cell|phone|tel|home|work)\b", re.I
)
_DATE: Final = re.compile(
    r"(?:19|20)\d\d[-. ][01]?\d[-. ][0-3]?\d$|[0-3]?\d[-. ][01]?\d[-. ](?:19|20)\d\d$"
)
_CONTEXT_CHARS: Final = 40
# Mobile numbers as they are written without a blank where letters of a script stand beside them:
# a number alone says nothing, in a text in Chinese eleven digits from 13 on are one.
_BARE_BY_SCRIPT: Final = {
    re.compile(letters): re.compile(numbers)
    for letters, numbers in (
        (r"[\u3041-\u30FF]", r"0[6-9]0\d{8}$"),
        (r"[\u3400-\u9FFF]", r"1[3-9]\d{9}$|0[6-9]0\d{8}$|09\d{8}$"),
        (r"[\uAC00-\uD7A3]", r"01[016-9]\d{7,8}$"),
        (r"[\u0E01-\u0E4E]", r"0[689]\d{8}$"),
        (r"[\u0400-\u04FF]", r"[78]9\d{9}$"),
    )
}
_UNITS: Final = re.compile(r"[ ]?[元円万亿億人个個年次吨米원명개年руб]")


def find_emails(text: str) -> Iterator[Span]:
    """Spans of e-mail addresses."""
    at, last = text.find("@"), 0
    while at >= 0:
        match = _DOMAIN.match(text, at + 1)
        if match:
            domain = match.group()
            local = _local_before(text, last, at, of_latin=match.lastindex == 1)
            if (
                local
                and not _RESERVED_DOMAIN.search(domain)
                and domain.rpartition(".")[2].lower() not in _FILE_ENDINGS
                and not _MACHINES.match(local)
            ):
                last = match.end()
                yield at - len(local), last
        at = text.find("@", at + 1)


def _local_before(text: str, first: int, at: int, of_latin: bool) -> str:
    """The local part that ends at an at sign, empty where there is none."""
    before = text[max(first, at - _MAX_LOCAL - 1) : at]
    local = before[len(before.rstrip(_LATIN_LOCAL)) :]
    has_letters = any(map(str.isalpha, local))
    if not local or not (of_latin or has_letters):
        start = len(before)
        while start and _ANY_LOCAL.match(before, start - 1):
            start -= 1
        local = before[start:]
    local = local.lstrip(".'")
    return local if len(local) <= _MAX_LOCAL else ""


def find_ibans(text: str) -> Iterator[Span]:
    """Spans of bank account numbers with the right length and check digits (ISO 13616)."""
    for match in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(match.group(1).upper())
        if length is None or not _IBAN_BEGINS.match(text, match.start()):
            continue
        end, taken = match.start(), ""
        while end < match.end(2) and len(taken) < length:
            if text[end].isalnum():
                taken += text[end]
            end += 1
        if len(taken) == length and not _IBAN_GOES_ON.match(text, end) and has_mod_97(taken):
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


def find_phones(text: str) -> Iterator[Span]:
    """Spans of telephone numbers: written like one, or named as one by a word beside it."""
    if not _SEVEN_DIGITS.search(text):
        return
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
        if (
            _CUE_BEFORE.search(before)
            or _CUE_AFTER.match(text, end)
            or (not text.isascii() and _is_bare_mobile(text, start, end))
        ):
            yield start, end
    yield from certain[place:]


def _is_bare_mobile(text: str, start: int, end: int) -> bool:
    number, beside = text[start:end], text[max(0, start - 3) : start] + text[end : end + 3]
    return not _UNITS.match(text, end) and any(
        numbers.match(number) and letters.search(beside)
        for letters, numbers in _BARE_BY_SCRIPT.items()
    )


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
