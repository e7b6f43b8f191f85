"""IP addresses that can be someone's, and version numbers of four parts, which look like them.

`1.26.4.0` after a program's name is a version. What the words beside it say decides; where they say
nothing, small numbers after a word that no address follows are one.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

from tilth.clean.letters import AFTER_WORD, BEFORE_WORD, LATIN, OTHER

Span = tuple[int, int]

# Letters may touch it here: `_stands_free` asks which.
_IPV4: Final = re.compile(r"[0-9](?<![0-9_.+-].)[0-9]{0,2}(?:\.[0-9]{1,3}){3}(?![0-9_-]|\.[0-9])")
_IPV6: Final = re.compile(
    rf"(?:(?<![{LATIN}:.])|(?<=[G-Zg-z]:)|(?<={OTHER}:)|{AFTER_WORD}(?=[23][0-9A-Fa-f]{{3}}:))"
    rf"[0-9A-Fa-f]{{0,4}}(?::[0-9A-Fa-f]{{0,4}}){{2,8}}(?:(?![{LATIN}:])|{BEFORE_WORD})"
)
# All that IANA has given out: RFC 4291, section 2.4.
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")

_CONTEXT_CHARS: Final = 40
_LATIN_LETTER: Final = re.compile(rf"[{LATIN}]")
_AFTER_WORD: Final = re.compile(AFTER_WORD)
_BEFORE_WORD: Final = re.compile(BEFORE_WORD)
# `1.2.3.4rc1` and `1.2.3.4 or later`
_STAGE: Final = re.compile(
    r"[-_. ]?(?:alpha|beta|rc|dev|post|pre|preview|final|snapshot|stable|lts|ga|release)(?![a-z])"
    r"|[ ](?:or|and)[ ](?:later|newer|higher|greater|above|up|older|earlier|lower|below)\b"
    r"|[ ](?:is|was|has been)[ ](?:released|installed|required|deprecated|out)\b",
    re.I,
)
_RELEASE: Final = (
    "versions? ver vers version[ae]s? versión versão versie wersja verze verzió verzi sürüm "
    "phiên.bản releases? rel revisions? rev builds? built patch firmware driver sdk edition "
    "v sections? chapter clause figure fig table oid"
)
_VERSION: Final = re.compile(
    rf"(?:\b(?:{'|'.join(_RELEASE.split())})\.?|==|[<>~!^]=?|§"
    r"|верси[яиюей]{1,2}|релиз[аеу]?|сборк[аеиу]|έκδοσης?|إصدار|الإصدار|גרסה|גירסה|संस्करण|সংস্করণ"
    r"|รุ่น|เวอร์ชัน|เวอร์ชั่น|កំណែ|版本|版|バージョン|버전)"
    r"(?:[ ](?:number|no\.?|is|was|of|to|from))?[ :：=(#>\"']{0,4}$"
    # `Upgrade numpy to`, `updated from`, `bump x from 1.2.3.4 to`
    r"|\b(?:(?:up|down)grad|updat|bump|migrat)\w{0,4}(?:[ ][\w.-]{1,20}){0,3}[ ](?:to|from)[ ]$"
    r"|\b(?:(?:up|down)grad|updat|bump|migrat)\w{0,4}[ ](?:to|from)[ ][\d.]{7,15}[ ]to[ ]$"
    r"|\b(?:install|requir|needs?|depend)\w{0,4}(?:[ ]on)?[ ]$"
    # `Chrome/96.0.1.110`, as in a user agent; an address comes after two strokes, or after a host
    r"|(?:^|[\s;(])[A-Za-z]{2,20}/$",
    re.I,
)
# `from 1.2.3.4 to 1.2.3.5`, `1.2.3.4 and 1.2.3.5`: what the one is, the other is.
_JOINED: Final = re.compile(r"[ ]?(?:,|-|–|/|and|or|to|through|und|bis|et|y)[ ]?")
_NAMED_IP: Final = re.compile(r"(?<![A-Za-z])[Ii][Pp]$")
# The last word before it, in letters that names of programs are of.
_WORD_BEFORE: Final = re.compile(r"(?<![\w./@-])([A-Za-z][A-Za-z0-9+_.-]{1,30})(?:[ ][(]?|:)$")
# Words that an address follows: of the net, and those that stand before any name.
_ADDRESS_WORDS: Final = """
    ip ips ipv4 address addresses addr adresse adressen adres adresa indirizzo dirección endereço
    host hosts hostname server servers gateway router proxy dns resolver nameserver peer client node
    machine computer device endpoint target source destination origin remote local public private
    subnet network range route interface user visitor attacker bot crawler scanner login logged
    ping pinged traceroute tracert telnet ssh ftp curl wget nmap whois nslookup dig connect
    connected connecting connection connections listen listening bind bound resolve resolves
    resolved visit visited block blocked ban banned allow allowed deny denied request requests
    traffic packet packets query queries hit hits reply replied answered sent received forwarded
    from to at in on by via of for with and or is was are were be as the this that than then not
    through over under between against behind near off out into onto use using used
    called named like only also it its had has have got get gets says said see saw
    von an auf bei mit nach zu der die das den dem des und oder ist war über durch unter aus
    de du des la le les à au aux et ou est par sur depuis vers dans el los las en y o es por para
    desde hacia con da di del della dal al e ed ha su per il lo van naar met op bij het een z do na
    od przez w i lub jest od til fra og med på av är från och till og ja ei
"""
_BEFORE_ADDRESS: Final = frozenset(_ADDRESS_WORDS.split())


def find_ips(text: str) -> Iterator[Span]:
    """Spans of IP addresses that can be someone's; private, loopback, documentation ones stay."""
    found, last_version = [], 0
    for match in _IPV4.finditer(text):
        start, end = match.span()
        if not (_is_personal(match.group()) and _stands_free(text, start, end)):
            continue
        joined = last_version and _JOINED.fullmatch(text, last_version, start)
        if joined or _is_version(text, start, end):
            last_version = end
        else:
            found.append((start, end))
    if text.count(":") >= 2:
        spans = (_without_colons(match.group(), match.start()) for match in _IPV6.finditer(text))
        found += [(start, end) for start, end in spans if _is_personal(text[start:end])]
    # In the order of the text: what comes after what is replaced already is passed over.
    yield from sorted(found)


def _without_colons(candidate: str, start: int) -> Span:
    """Where it is without a colon that belongs to the sentence: `at 2001:db8::1: no answer`."""
    end = start + len(candidate)
    if candidate.startswith(":") and not candidate.startswith("::"):
        start += 1
    if candidate.endswith(":") and not candidate.endswith("::"):
        end -= 1
    return start, end


def _stands_free(text: str, start: int, end: int) -> bool:
    """Whether no Latin letter goes on into it: words on both sides may be run together with it, but
    what has one on its left alone is a version of what is named there."""
    right = bool(_LATIN_LETTER.match(text, end))
    if right and (not _BEFORE_WORD.match(text, end) or _STAGE.match(text, end)):
        return False
    if start and _LATIN_LETTER.match(text, start - 1):
        if _NAMED_IP.search(text, max(0, start - 3), start):
            return True
        return right and bool(_AFTER_WORD.match(text, start))
    return True


def _is_version(text: str, start: int, end: int) -> bool:
    before = text[max(0, start - _CONTEXT_CHARS) : start]
    if _VERSION.search(before) or _STAGE.match(text, end):
        return True
    word = _WORD_BEFORE.search(before)
    if not word or word.group(1).lower().strip(".") in _BEFORE_ADDRESS:
        return False
    first, *rest = map(int, text[start:end].split("."))
    # One address in 200 is of numbers as small as these.
    return first < 32 and sum(part < 32 for part in rest) >= 2 and len({first, *rest}) > 1


def _is_personal(candidate: str) -> bool:
    try:
        address = ipaddress.ip_address(candidate)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and "::" in candidate:
        # `dead::beef` is more often a name than an address.
        return address.is_global and address in _GLOBAL_UNICAST
    return address.is_global and not address.is_multicast
