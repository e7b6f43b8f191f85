"""Secrets of a source: named in the recipe, read when they are sent, and written down nowhere.

`${NAME}` stands for an environment variable, `${file:PATH}` for the content of a file. A plan, a
record and a message hold the name. What is an address of a stranger, in a page or an answer, may
hold secrets of its own: they are masked wherever the address is shown.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from tilth.errors import MissingError, Problem
from tilth.web.urls import join

MASK: Final = "***"
HEADERS: Final = (
    "headers to send to the origin of the address, and to no other that it redirects to; a secret "
    "as ${NAME} of the environment or ${file:PATH}"
)

_FORM: Final = re.compile(r"\$\{(file:[^{}\r\n]{1,4096}|[A-Za-z_][A-Za-z0-9_]{0,255})\}")
_MAX_SECRET_BYTES: Final = 64 << 10
# A shorter value would be found in the middle of words.
_MIN_HIDDEN: Final = 4
_MAX_SPELT: Final = 256
_PORTS: Final = {"http": 80, "https": 443}
# All that may stand in a query; what may not is percent-encoded when a value is put there.
_IN_URL: Final = "!$&'()*+,;=:@/?%-._~[]"

# `access_token`, `accessToken`; and what no other word ends in, `accesstoken`.
_TELLING: Final = (
    r"(?:[\w.-]{0,40}(?:token|secret|password|passwd|apikey|sessionid|sessid)"
    r"|(?:[\w.-]{0,40}(?:[_.-]|(?-i:[a-z0-9](?=[A-Z]))))?(?:key|passphrase|pwd|pass|sig|signature"
    r"|credential|credentials|auth|jwt|accesskey|secretkey|authkey|awsaccesskeyid))"
)
# Addresses as they stand in texts. Each part begins at a mark that it does not hold itself, so that
# no character is looked at more than twice.
_USER: Final = re.compile(r"(?<=://)[^\s/?#\"'<>\\]*@")
# As `_USER`: without a scheme, where a password shows what it is; and as part of another address.
_PLAIN_USER: Final = re.compile(r"(?<![:/])//[^\s/?#\"'<>\\:@]*+:[^\s/?#\"'<>\\]*@")
_ENCODED_USER: Final = re.compile(
    r"(?<=%3A%2F%2F)(?:(?:[^\s/?#&;\"'<>\\%]++|%(?!2F|3F|23|26|40))*+%40)++", re.I
)
# Of a store: no bucket has a colon, and a key of Amazon's may hold slashes.
_STORE_USER: Final = re.compile(
    r"(?<=s3://|gs://)[^\s/?#\"'<>\\:@]{0,200}:[^\s\"'<>\\]{0,200}@", re.I
)
_PARAMETER: Final = re.compile(
    rf"((?:[?&;#]|%3[Ff]|%26){_TELLING}(?:=|%3[Dd]))((?:[^&#;\s\"'<>\\%]++|%(?!26|23))++)", re.I
)
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SECRET_HEADER: Final = re.compile(
    rf"(?:proxy-)?authorization|cookie|{_TELLING}|.*(?:token|secret|api-?key)", re.I
)
# What the client sends by itself, and what would change the meaning of an answer.
_OWN_HEADERS: Final = frozenset(
    (
        *("host", "content-length", "transfer-encoding", "connection"),
        *("accept-encoding", "range", "if-range", "user-agent"),
    )
)


def masked(text: str) -> str:
    """The text with user names, passwords and tokens in its addresses masked; names stay."""
    if "://" in text:
        text = _STORE_USER.sub(_masked_user, text)
        text = _USER.sub(_masked_user, text)
    if "//" in text and "@" in text:
        text = _PLAIN_USER.sub(_masked_plain_user, text)
    if "%40" in text:
        text = _ENCODED_USER.sub(f"{MASK}%40", text)
    return _PARAMETER.sub(_masked_parameter, text)


def _masked_user(match: re.Match[str]) -> str:
    return match.group() if _is_named(match.group()[:-1]) else f"{MASK}@"


def _masked_plain_user(match: re.Match[str]) -> str:
    return match.group() if _is_named(match.group()[2:-1]) else f"//{MASK}@"


def _masked_parameter(match: re.Match[str]) -> str:
    return match.group() if _is_named(match.group(2)) else f"{match.group(1)}{MASK}"


def _is_named(text: str) -> bool:
    """Whether a text is nothing but names of secrets (or masked already)."""
    return not _FORM.sub("", text).replace(MASK, "").strip(":")


def read_secret(name: str) -> str:
    """The value behind a name, without the white space around it.

    Args:
        name: What stands between the braces: a variable's name, or ``file:`` and a path.

    Raises:
        MissingError: There is none, or one that cannot be sent.
    """
    form = f"${{{name}}}"
    if name.startswith("file:"):
        path = Path(os.path.expanduser(name.removeprefix("file:")))
        hint = f"write it into {path}"
        try:
            with open(path, encoding="utf-8") as file:
                value = file.read(_MAX_SECRET_BYTES).strip()
        except (OSError, UnicodeDecodeError) as error:
            cause = getattr(error, "strerror", None) or "it is not text"
            raise MissingError(
                f"the secret {form} cannot be read: {cause}", hint=hint, code="missing-secret"
            ) from None
    else:
        value, hint = os.environ.get(name, "").strip(), f"export {name}=..."
    if not value:
        raise MissingError(f"the secret {form} is not set", hint=hint, code="missing-secret")
    if not (value.isascii() and value.isprintable()):
        raise MissingError(
            f"the secret {form} holds a character that cannot be sent: a line break or one beyond "
            "ASCII",
            hint=hint,
            code="missing-secret",
        )
    return value


def read_filled(text: str) -> str:
    """A text of the recipe's own with the values behind all names in it.

    Raises:
        MissingError: There is none behind a name.
    """
    return _FORM.sub(lambda match: read_secret(match.group(1)), text)


class Secrets:
    """What one source sends beside its addresses, and to whom.

    Args:
        headers: Names and values as the recipe has them.
        urls: The recipe's addresses. To their origins, and to no other, headers are sent and
            secrets filled in: an address that a stranger wrote may name a secret as well.
    """

    def __init__(self, headers: Mapping[str, str] | None = None, urls: Collection[str] = ()):
        self._headers = dict(headers or {})
        self._urls = {place: url for url in urls if (place := origin_of(url)) is not None}
        given = (*self._headers.values(), *urls)
        self._names = frozenset(name for text in given for name in _FORM.findall(text))
        # Every value that was read -> its name; and what finds them all, whoever spelt them.
        self._forms: dict[str, str] = {}
        self._values: re.Pattern[str] | None = None
        self._is_read = False

    def headers_for(self, url: str) -> dict[str, str]:
        """The headers for an address, filled in; none for another origin.

        Raises:
            MissingError: A name is no longer there.
        """
        configured = self._urls.get(origin_of(url) or ("", "", 0))
        if configured is None:
            return {}
        headers = {name: self._fill(value) for name, value in self._headers.items()}
        user, found, _ = urlsplit(configured).netloc.rpartition("@")
        if found and "authorization" not in map(str.lower, headers):
            name, _, password = user.partition(":")
            pair = f"{self._fill(unquote(name))}:{self._fill(unquote(password))}"
            packed = base64.b64encode(pair.encode()).decode()
            self._know(packed, MASK)
            headers["Authorization"] = f"Basic {packed}"
        return headers

    def headers_told(
        self, url: str, sent: Iterable[tuple[str, str]]
    ) -> tuple[tuple[str, str], ...]:
        """The headers of a request to an address as they may be written down.

        Args:
            url: The address, with the names of secrets.
            sent: Names and values as sent.

        Returns:
            The same, those of the recipe as it has them: however short a value is, its name stands
            there.
        """
        is_given = origin_of(url) in self._urls
        given = {key.lower(): value for key, value in self._headers.items()} if is_given else {}

        def told(name: str, value: str) -> str:
            if name.lower() in given:
                return given[name.lower()]
            # A user and password of the address, else.
            return MASK if _SECRET_HEADER.fullmatch(name) else self.named(value)

        return tuple((name, told(name, value)) for name, value in sent)

    def filled(self, url: str) -> str:
        """The address as it is asked for.

        Raises:
            MissingError: A name is no longer there.
        """
        if "${" not in url or origin_of(url) not in self._urls:
            return url
        parts = urlsplit(url)
        # User and password go into a header.
        host = parts.netloc.rpartition("@")[2]
        return self._fill(parts._replace(netloc=host).geturl(), _IN_URL)

    def target(self, base: str, href: str) -> str | None:
        """Where an address that a server wrote leads: all of them come in through here.

        Args:
            base: The address of what it stands in, with the names of secrets.
            href: As the server wrote it. A `${NAME}` in it is a stranger's text like any other:
                filled in, it would send the value to wherever the stranger wants it shown.

        Returns:
            The normalised address, values that the server sent back by their names; None where it
            leads to no web page.

        Raises:
            MissingError: A name is no longer there.
        """
        found = join(self.filled(base), href)
        return None if found is None else self.named(found)

    def named(self, text: str) -> str:
        """The text with every value by its name again, percent-encoded or not."""
        if not self._is_read:
            # A server may name a value before it was sent one: in a robots.txt, for one.
            self._is_read = True
            for name in sorted(self._names):
                with contextlib.suppress(MissingError):
                    self._fill(f"${{{name}}}")
        if self._values is None:
            return text
        # `lastgroup` would need names that a pattern can have; the forms are in the groups' order.
        forms = tuple(self._forms.values())
        return self._values.sub(lambda match: forms[(match.lastindex or 1) - 1], text)

    def hide(self, text: str) -> str:
        """The text as it may be written down: values by their names, addresses masked."""
        return masked(self.named(text))

    def _fill(self, text: str, safe: str | None = None) -> str:
        def fill(match: re.Match[str]) -> str:
            if match.group(1) not in self._names:
                return match.group()
            value = read_secret(match.group(1))
            if len(value) >= _MIN_HIDDEN:
                self._know(value, match.group())
            return value if safe is None else quote(value, safe=safe)

        return _FORM.sub(fill, text)

    def _know(self, value: str, form: str) -> None:
        if self._forms.get(value) == form:
            return
        forms = {**self._forms, value: form}
        # The longest first: one value may be the beginning of another.
        self._forms = dict(sorted(forms.items(), key=lambda item: -len(item[0])))
        self._values = re.compile("|".join(f"({_spelt(value)})" for value in self._forms))


def _spelt(value: str) -> str:
    """A pattern of all ways in which an address may spell a value: each character as it is or
    percent-encoded, also as part of an address in an address in an address."""
    start = "".join(map(_spelt_char, value[:_MAX_SPELT]))
    # What begins so is the value, whole or cut; a pattern of all of it would take seconds to make.
    rest = len(value) - _MAX_SPELT
    return start if rest <= 0 else rf"{start}(?:%(?:25){{0,2}}[0-9A-Fa-f]{{2}}|[ -~]){{0,{rest}}}+"


@cache
def _spelt_char(char: str) -> str:
    digits = "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in f"{ord(char):02x}")
    plain = r"[ +]" if char == " " else re.escape(char)
    return f"(?:%(?:25){{0,2}}{digits}|{plain})"


def origin_of(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an http or https address; None of anything else (RFC 6454)."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
        return parts.scheme, (parts.hostname or "").rstrip("."), port
    except (ValueError, KeyError):
        return None


def with_forms_kept(url: str, change: Any) -> str:
    """An address changed by a function that would take its `${NAME}` for text to be escaped."""
    forms = [match.group() for match in _FORM.finditer(url)]
    numbers = iter(range(len(forms)))
    changed: str = change(_FORM.sub(lambda _: _stand_in(next(numbers)), url))
    for number, form in enumerate(forms):
        changed = changed.replace(_stand_in(number), form)
    return changed


def _stand_in(number: int) -> str:
    return f"tilth-secret-{number}-"


def find_problems(settings: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
    """What is wrong with the secrets of a source, each with its place inside the settings.

    Args:
        settings: The settings as plain values.

    Yields:
        Names that are not there; and secrets that stand in the recipe itself, whose copy goes with
        every report.
    """
    for place, value in _strings(settings, ()):
        in_headers = len(place) > 1 and place[-2] == "headers"
        in_url = bool({"url", "start", "proxy"}.intersection(place))
        if in_headers or in_url:
            for name in dict.fromkeys(_FORM.findall(value)):
                try:
                    read_secret(name)
                except MissingError as error:
                    yield place, Problem(error.code, error.what, "", error.hint)
        problem = _header_problem(str(place[-1]), value) if in_headers else _url_problem(value)
        if problem is not None:
            yield place, problem


def _strings(
    value: Any, place: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _strings(item, (*place, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _strings(item, (*place, index))


def _header_problem(name: str, value: str) -> Problem | None:
    if not _HEADER_NAME.fullmatch(name) or name.lower() in _OWN_HEADERS:
        return Problem("bad-value", f"`{name[:80]}` is not a header that a source may set", "")
    if not (value.isascii() and value.isprintable()):
        return Problem("bad-value", f"the value of `{name}` is not one line of ASCII", "")
    if _SECRET_HEADER.fullmatch(name) and not _FORM.search(value):
        return Problem(
            "secret-in-recipe",
            f"the value of `{name}` stands in the recipe, whose copy goes with every report",
            "",
            f'write `{name}: "${{NAME}}"` and set NAME in the environment',
        )
    return None


def _url_problem(value: str) -> Problem | None:
    if "://" not in value:
        return None
    hint = 'write `headers: {Authorization: "Bearer ${NAME}"}` and set NAME in the environment'
    if (user := _USER.search(value)) and not _is_named(user.group()[:-1]):
        what = "the address holds a user name or password, and its copy goes with every report"
        return Problem("secret-in-recipe", what, "", hint)
    for found in _PARAMETER.finditer(value):
        if not _is_named(found.group(2)):
            name = found.group(1).strip("?&;#=")
            what = f"the address holds the value of `{name}`, and its copy goes with every report"
            hint = f"write `{name}=${{NAME}}` and set NAME in the environment"
            return Problem("secret-in-recipe", what, "", hint)
    head = value.partition("?")[0]
    host, _, path = head.partition("://")[2].partition("/")
    # What a host and a path name is what is read, and a variable's value is in no identity.
    if "${file:" in head or _FORM.search(host.rpartition("@")[2]) or _FORM.search(path):
        what = "a secret stands in the query of an address, in its user name, or in `headers`"
        return Problem("bad-value", what, "", hint)
    return None
