"""Whether a crawler says whom to write to, as those whose hosts it asks may want to."""

from __future__ import annotations

from collections.abc import Iterable

from tilth.web.address import canonical_host, literal_address
from tilth.web.urls import host_of

# What a contact may stand in, or between: `(+https://example.org/bot; me@example.org)`.
_AROUND = "()<>[]{},;+\"'"
_SCHEMES = ("https://", "http://")


def contact_warning(user_agent: str, urls: Iterable[str]) -> str:
    """What is to be said of a `user_agent` that names no contact; empty: nothing.

    Args:
        user_agent: The User-Agent header.
        urls: Whom it is shown to: http and https addresses. Of loopback there is nobody to write.
    """
    if names_contact(user_agent) or all(map(_is_loopback, urls)):
        return ""
    name = user_agent.split("/")[0].split()[0]
    return (
        f"`user_agent` names nobody to write to ({user_agent[:200]!r}): name an address of mail or "
        f'of a page, such as `user_agent: "{name[:50]}/1.0 (+https://example.org/bot; '
        'me@example.org)"`'
    )


def names_contact(user_agent: str) -> bool:
    """Whether a User-Agent header has an address of mail, or of a page (http or https)."""
    words = user_agent
    for mark in _AROUND:
        words = words.replace(mark, " ")
    return any(_is_page(word) or _is_mail(word) for word in words.split())


def _is_page(word: str) -> bool:
    return word.lower().startswith(_SCHEMES) and "." in host_of(word).strip(".")


def _is_mail(word: str) -> bool:
    name, _, domain = word.lower().removeprefix("mailto:").rpartition("@")
    parts = domain.split(".")
    return bool(name) and "/" not in word and len(parts) > 1 and all(parts[:2])


def _is_loopback(url: str) -> bool:
    try:
        host = canonical_host(host_of(url))
    except ValueError:
        return False
    address = literal_address(host)
    if address is not None:
        return address.is_loopback
    # RFC 6761 section 6.3.
    return host == "localhost" or host.endswith(".localhost")
