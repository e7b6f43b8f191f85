"""What an answer means for its address: kept or dropped, and which addresses it leads to.

The same is asked of an answer that has just come and of one that lies in the archive, so that a
crawl which goes on with other bounds decides as one that asks for everything again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tilth.formats.http_answer import FEED_TYPES, HTML_TYPES, XML_TYPES
from tilth.web.client import REDIRECTS, Answer, describe
from tilth.web.forms import without_session
from tilth.web.frontier import Outcome
from tilth.web.gathering import Gathering
from tilth.web.links import header_links, read_markup
from tilth.web.listing import is_feed, read_listing
from tilth.web.robots import RobotsFile, read_wishes
from tilth.web.secrets import Secrets


@dataclass(frozen=True)
class Meaning:
    """What an answer means.

    Attributes:
        outcome: How its address ends; without a place in the archive.
        links: Normalised addresses that it leads to, in the crawl's scope or not.
        is_page: Its body is to be kept.
    """

    outcome: Outcome
    links: tuple[str, ...] = ()
    is_page: bool = False


@dataclass(frozen=True)
class PageReader:
    """Reads answers.

    Attributes:
        agent: The crawler's name.
        drop_opt_outs: Pages that ask not to be collected are not kept.
        follow_canonical: What a page names as its canonical address belongs to its links.
        secrets: Of the crawl.
        gathering: What is taken beside pages.
        looks: Say what a page looks like, where its address is one of a pattern.
    """

    agent: str
    drop_opt_outs: bool
    follow_canonical: bool
    secrets: Secrets
    gathering: Gathering
    looks: bool = False

    def takes(self, url: str, content_type: str) -> bool:
        """Whether an answer of a media type is taken that is neither a page nor a feed."""
        return self.gathering.kind_of(url, content_type) is not None

    def read(self, url: str, answer: Answer, robots: RobotsFile, now: str) -> Meaning:
        """What an answer means.

        Args:
            url: The address that was asked.
            answer: What it gave.
            robots: The rules of its origin.
            now: When it came, in UTC, ISO 8601.
        """
        if answer.status in REDIRECTS:
            target, location = answer.target, answer.header("location")
            if target and without_session(target) != url:
                # Else it insists on a session, and is asked for with it.
                target = without_session(target)
            # One level further, like a link: the level of a page must not depend on which of two
            # answers came first.
            ended = Outcome(url, "redirect", (target or location)[:2000], fetched_at=now)
            return Meaning(ended, (target,) if target else ())
        if answer.status != 200:
            return Meaning(Outcome(url, "http-status", str(answer.status), fetched_at=now))
        kind = answer.header("content-type")[:200]
        if self.takes(url, answer.content_type):
            return self._read_medium(url, answer, robots, Outcome(url, content_type=kind), now)
        if not self.gathering.is_page(url):
            what = answer.content_type[:100]
            return Meaning(Outcome(url, "content-type", what, fetched_at=now))
        in_header, named = header_links(answer.headers)
        if answer.content_type not in HTML_TYPES:
            ended, listed = self._no_page(url, answer, now)
            follow = read_wishes(answer.headers, (), self.agent).follow
            return Meaning(ended, self._targets(url, (*in_header, *listed)) if follow else ())
        try:
            markup = read_markup(
                answer.body,
                url,
                kind,
                self.secrets.target,
                self.gathering.kinds,
                looks=self.looks,
            )
        except Exception as error:
            # A page that its parser cannot take costs one page.
            cause = f"the page cannot be parsed: {describe(error)}"
            return Meaning(Outcome(url, error=cause, fetched_at=now))
        wishes = read_wishes(answer.headers, markup.meta, self.agent).of_site(robots, url)
        leads = (*markup.links, *self._targets(url, in_header))
        links = _without_sessions(leads) if wishes.follow else ()
        canonical = markup.canonical or (named and self.secrets.target(url, named))
        canonical = canonical and without_session(canonical)
        ended = Outcome(url, content_type=kind, consent=wishes.consent(robots), fetched_at=now)
        if self.drop_opt_outs and (rule := wishes.rule) is not None:
            # The page asks not to be collected, so not even the archive has it.
            return Meaning(replace(ended, rule=rule, value=wishes.words), links)
        if wishes.follow and markup.shows is not None:
            refused = wishes.refuses_images if self.drop_opt_outs else ""
            ended = replace(ended, shows=replace(markup.shows, refused=refused))
        ended = replace(ended, look=markup.look, sha1=answer.digest, told=answer.told)
        if self.follow_canonical and canonical not in (None, url):
            ended = replace(ended, canonical=canonical)
            links = (*links, *filter(None, (canonical,)))
        return Meaning(ended, links, is_page=True)

    def _no_page(self, url: str, answer: Answer, now: str) -> tuple[Outcome, Iterable[str]]:
        """How an answer ends that is no page, and the addresses in it: those that a feed lists."""
        kind = answer.content_type
        if kind in (*FEED_TYPES, *XML_TYPES) and is_feed(answer.body):
            listing = read_listing(answer.body)
            said = answer.header("content-type")[:200]
            ended = Outcome(url, "feed", listing.share, content_type=said, fetched_at=now)
            return ended, listing.addresses
        return Outcome(url, "content-type", kind[:100], fetched_at=now), ()

    def _targets(self, url: str, addresses: Iterable[str]) -> tuple[str, ...]:
        """Where addresses lead that stand in the answer to another, each once."""
        targets = (self.secrets.target(url, address) for address in addresses)
        return _without_sessions(filter(None, targets))

    def _read_medium(
        self, url: str, answer: Answer, robots: RobotsFile, outcome: Outcome, now: str
    ) -> Meaning:
        """What a picture or a sound means, of which whether it is whole is seen later."""
        wishes = read_wishes(answer.headers, (), self.agent).of_site(robots, url)
        ended = replace(outcome, consent=wishes.consent(robots), fetched_at=now)
        rule = wishes.rule
        if rule is None and self.gathering.kind_of(url, answer.content_type) == "image":
            rule = wishes.refuses_images or None
        if self.drop_opt_outs and rule is not None:
            return Meaning(replace(ended, rule=rule, value=wishes.words))
        return Meaning(ended, is_page=True)


def _without_sessions(urls: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(without_session, urls)))
