"""Ask a language model one thing at a time, by the protocol that OpenAI's API has made common.

`POST /chat/completions` with messages, and the answer in `choices[0].message`
(platform.openai.com/docs/api-reference/chat): what most servers of models speak too. A request is
sent once, and again only where nothing was answered, or a server says that it may be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tilth.decode.objects import is_text, parse_json
from tilth.decode.text import UndecodableError, decode_text
from tilth.errors import MissingError, UsageError
from tilth.foreign import shorten, visible
from tilth.web.client import Answer, Client, FetchError, TooLargeError
from tilth.web.retry import MAX_PAUSE_S, TRANSIENT_STATUSES, retry_after_s

# An answer of one label is a few hundred bytes; thoughts of a model before it are some kilobytes.
_MAX_ANSWER: Final = 4 << 20
_MAX_SHOWN: Final = 200
# About this request, and not about all: it is too long, or has what the server refuses.
_ABOUT_ONE: Final = frozenset({400, 413, 422})
# Of a 429: no more can be had, however long one waits.
_SPENT: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached"})


class RefusedError(Exception):
    """The server, or what it answers, is of no use for this one request."""


@dataclass(frozen=True)
class Reply:
    """What a model answered.

    Attributes:
        content: The text; None where there is none.
        refusal: In what words it refused; empty: it did not.
        prompt_tokens, completion_tokens: What is paid for; 0 where the server does not say.
    """

    content: str | None
    refusal: str
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Endpoint:
    """A server of models.

    Attributes:
        client: Asks it.
        url: Its address of chat completions, with secrets by their names.
        retries: Further tries after the first.
        retry_s: Pause before the second try, doubled for each further one; a server that names a
            longer one (Retry-After) is obeyed, up to two minutes.
        sleep: Waits so many seconds.
    """

    client: Client
    url: str
    retries: int
    retry_s: float
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def ask(self, document: bytes) -> Reply:
        """Ask one thing.

        Args:
            document: The request's JSON.

        Raises:
            RefusedError: The server refuses this request, or its answer cannot be read.
            MissingError: It does not answer, or nobody.
            UsageError: It answers nothing that is asked so: the key, the model or the address.
        """
        for attempt in range(self.retries + 1):
            pause = min(self.retry_s * 2**attempt, MAX_PAUSE_S)
            try:
                answer = await self.client.post(self.url, document, _MAX_ANSWER)
            except TooLargeError as error:
                raise RefusedError(f"the answer is too long: {error}") from None
            except FetchError as error:
                if not error.transient:
                    raise self._silent(str(error)) from None
                why = str(error)
            else:
                if 200 <= answer.status < 300:
                    return _reply(answer)
                why = self._told(answer)
                if answer.status in _ABOUT_ONE:
                    raise RefusedError(why)
                if answer.status not in TRANSIENT_STATUSES or _code(answer) in _SPENT:
                    raise UsageError(
                        f"the model cannot be asked: {why}",
                        where=self.client.secrets.hide(self.url),
                        hint="the key, the model's name, the address, or what is left to spend",
                        code="not-answered",
                    )
                wish = retry_after_s(answer.header("retry-after"), datetime.now(UTC))
                pause = min(max(pause, wish), MAX_PAUSE_S)
            if attempt < self.retries:
                await self.sleep(pause)
        raise self._silent(f"{why} (tried {self.retries + 1} times)")

    def _silent(self, why: str) -> MissingError:
        return MissingError(
            f"the model does not answer: {why}",
            where=self.client.secrets.hide(self.url),
            hint="run it again: what was answered is kept, and is not asked again",
            code="no-answer",
        )

    def _told(self, answer: Answer) -> str:
        """A status with the server's own words, without what they repeat of a secret."""
        said = _object(_error(answer)).get("message")
        words = f": {shorten(visible(said), _MAX_SHOWN)}" if is_text(said) else ""
        return self.client.secrets.hide(f"it answers {answer.status}{words}")


def _document(answer: Answer) -> Any:
    """The answer's JSON; None where it is none."""
    try:
        return parse_json(decode_text(answer.body))
    except (UndecodableError, ValueError, RecursionError):
        return None


def _error(answer: Answer) -> object:
    return _object(_document(answer)).get("error")


def _code(answer: Answer) -> object:
    code = _object(_error(answer)).get("code")
    return code if isinstance(code, str) else None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _reply(answer: Answer) -> Reply:
    """What stands in a completion.

    Raises:
        RefusedError: It is none.
    """
    document = _object(_document(answer))
    choices = document.get("choices")
    if not isinstance(choices, list) or not choices:
        raise RefusedError("the answer is no completion: it has no `choices`")
    choice = _object(choices[0])
    message = _object(choice.get("message"))
    content, refusal = message.get("content"), message.get("refusal")
    if choice.get("finish_reason") == "content_filter" and not is_text(refusal):
        refusal = "its filter held the answer back"
    usage = _object(document.get("usage"))
    return Reply(
        content if is_text(content) else None,
        refusal if is_text(refusal) else "",
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
    )


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return value if 0 <= value < 1 << 40 else 0
