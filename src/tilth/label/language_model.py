"""Let a language model say what a sample is, by way of any server that speaks OpenAI's protocol.

A map: what is asked of a sample depends on that sample alone. Every answer is kept on disk before
the next thing happens (`answer_cache`), so that no run, no retry and no kill asks again what was
answered. Nothing of a sample leaves but the fields that the prompt names and `allow` allows.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from tilth import schema
from tilth.decode.objects import is_text, parse_json
from tilth.errors import TilthError, UsageError
from tilth.figures import Definition
from tilth.foreign import shorten, visible
from tilth.label.answer_cache import AnswerCache, Kept, request_digest
from tilth.label.prompts import fields_of, filled
from tilth.labels import Label, as_label
from tilth.meta.arrow import words
from tilth.reading.fetching import Headers, KnownHosts, run_to_end
from tilth.records import PlainObject
from tilth.schema import META
from tilth.settings import ActsOn, AnyOrder, BaseSettings, is_default
from tilth.spell import plural
from tilth.web.address import AddressRefusedError, allowed_places, check_url
from tilth.web.chat import Endpoint, RefusedError
from tilth.web.client import Client
from tilth.web.secrets import Secrets

DESCRIBES_QUARANTINE = True

_PATH = "/chat/completions"
_AGENT = "tilth/0.1 (labelling)"
_ORIGIN = "model:"
_MAX_SHOWN = 200
# So much of an answer is kept: a label is short, and a model that writes on and on is no use.
_MAX_KEPT = 4_000
# Of a text in any language, about: what a plan counts with before there is an answer.
_BYTES_A_TOKEN = 4
_MILLION = 1_000_000

_ANSWERED = "samples about which the model answered, quarantined ones too"
_counted = partial(
    Definition,
    rows=_ANSWERED,
    reference="what a server of our own counted",
    test="tests/label/test_language_model.py::test_figures_are_what_the_server_counted",
)
FIGURES = (
    _counted("answered", "answered", "Samples about which the model answered.", unit="samples"),
    _counted(
        "requests",
        "requests",
        "Different requests among these: samples of which the same is asked share one.",
        unit="requests",
    ),
    _counted(
        "refused",
        "refused",
        "Samples of which the answer was a refusal or no label: they are quarantined.",
        unit="samples",
    ),
    _counted(
        "prompt_tokens",
        "prompt tokens",
        "Tokens of these requests, as the server counts them.",
        unit="tokens",
    ),
    _counted(
        "completion_tokens",
        "completion tokens",
        "Tokens of the answers, as the server counts them.",
        unit="tokens",
    ),
    _counted(
        "cost",
        "cost",
        "What these tokens cost at the prices in the recipe, whenever they were asked for.",
    ),
    _counted("labels", "labels", "Samples by what the model answered.", unit="samples"),
)


class Price(BaseSettings):
    """What a million tokens cost."""

    input: float = Field(..., ge=0, le=1_000_000, description="of the prompts, a million tokens")
    output: float = Field(..., ge=0, le=1_000_000, description="of the answers, a million tokens")
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$", description="as EUR (ISO 4217)")


class Settings(BaseSettings):
    """Ask a language model for labels, through any server that speaks OpenAI's protocol.

    Each request goes out once; its answer is kept in `cache` and is not asked for again, whatever
    is stopped. Answers that refuse, or are no label of `labels`, are quarantined.
    """

    url: str = Field(
        ...,
        min_length=1,
        description="address of the server, to which /chat/completions is added: "
        "https://api.example.org/v1",
    )
    model: str = Field(..., min_length=1, max_length=200, description="the model, as it calls it")
    prompt: str = Field(
        ...,
        min_length=1,
        max_length=100_000,
        description="what is asked: a template with {text}, {target}, {meta.NAME} and {labels}",
    )
    system: str | None = Field(
        None, min_length=1, max_length=100_000, description="what the model is told before"
    )
    labels: tuple[Label, ...] = Field(
        ..., min_length=2, max_length=1000, description="the answers to choose from"
    )
    allow: Annotated[tuple[str, ...], AnyOrder()] = Field(
        (),
        description="fields of the prompt that may leave: each that it names has to stand here. "
        "They leave as they are; `redact` in `clean` puts placeholders for what is personal",
    )
    gives: Literal["label", "annotation"] = Field(
        "label",
        description="label: of samples without one; annotation: an answer of the annotator "
        "`model:NAME` beside people's, of all samples, which `consensus` weighs",
    )
    answer: Literal["json_schema", "json_object", "text"] = Field(
        "json_schema",
        description="how the server is asked to answer: by a JSON schema, in JSON, or in plain "
        "text that is the label; whatever it does, the answer is checked",
    )
    max_chars: int = Field(
        10_000, ge=10, le=1_000_000, description="characters of a field that are sent"
    )
    max_tokens: int = Field(100, ge=1, le=100_000, description="tokens of an answer at most")
    temperature: float = Field(0.0, ge=0, le=2, description="0: the likeliest answer")
    headers: Headers = Field({})
    allow_hosts: KnownHosts = ()
    cache: Annotated[str, ActsOn("politeness")] = Field(
        "answers", min_length=1, description="folder of the answers, for any number of recipes"
    )
    price: Price | None = Field(
        None, description="what tokens cost: then plan and report say what it comes to"
    )
    max_cost: Annotated[float | None, ActsOn("politeness")] = Field(
        None,
        gt=0,
        le=1_000_000_000,
        description="stop once all answers of this model in the cache have cost so much",
    )
    at_once: Annotated[int, ActsOn("politeness")] = Field(
        4, ge=1, le=256, description="requests under way, in each worker"
    )
    timeout_s: Annotated[float, ActsOn("politeness")] = Field(
        120, gt=0, le=3600, description="seconds for one request with its answer"
    )
    retries: Annotated[int, ActsOn("politeness")] = Field(
        5, ge=0, le=100, description="further tries where a server is busy or does not answer"
    )
    retry_s: Annotated[float, ActsOn("politeness")] = Field(
        1, gt=0, le=120, description="seconds before the second try, doubled for each further one"
    )

    @field_validator("labels")
    @classmethod
    def _each_once(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        twice = next((name for name in labels if labels.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"the label `{twice}` stands twice")
        return labels

    @model_validator(mode="after")
    def _acts(self) -> Settings:
        named = fields_of(self.prompt)
        if not named:
            raise ValueError("the `prompt` names no field, and asks the same of every sample")
        if self.system is not None and fields_of(self.system):
            raise ValueError("`system` is the same for every sample: fields belong to `prompt`")
        private = [name for name in named if name not in self.allow]
        if private:
            raise ValueError(
                f"the prompt sends `{private[0]}` to {shorten(self.url, 80)}, and `allow` does not "
                f"allow it: `allow: [{', '.join(named)}]` lets the prompt's fields leave"
            )
        idle = sorted({*self.allow} - {*named})
        if idle:
            raise ValueError(f"`allow` names `{idle[0]}`, which the prompt does not send")
        if self.max_cost is not None and self.price is None:
            raise ValueError("`max_cost` bounds nothing without `price`")
        if self.retries == 0 and not is_default(self, "retry_s"):
            raise ValueError("`retry_s` does nothing with `retries: 0`")
        try:
            check_url(self.url, allowed_places(self.allow_hosts, [self.url]))
        except AddressRefusedError as error:
            raise ValueError(f"{error}; list it in `allow_hosts` if it is meant") from None
        if self.url.rstrip("/").endswith(_PATH):
            raise ValueError(f"`url` is what stands before {_PATH}, which is added")
        return self

    @property
    def endpoint(self) -> str:
        """Where requests go, secrets by their names."""
        base, mark, query = self.url.partition("?")
        return base.rstrip("/") + _PATH + mark + query


def reads(settings: Settings) -> tuple[str, ...]:
    """The fields that the prompt names."""
    always = {"uri", "source"}
    return tuple(name for name in fields_of(settings.prompt) if name not in always)


def fills(settings: Settings) -> tuple[str, ...]:
    """The label, or an answer."""
    if settings.gives == "annotation":
        return ("annotations",)
    return ("label", "label_origin")


def apply(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    """The same rows with what the model answered; refusals and what is no label are quarantined.

    Raises:
        MissingError: The server does not answer, or a secret is not there.
        UsageError: It answers nothing that is asked so, or `max_cost` is spent.
        StorageError: The answers cannot be kept.
    """
    asked = _asked(batch, settings)
    with AnswerCache(Path(os.path.expanduser(settings.cache))) as cache:
        wanted = {one.digest: one.document for one in asked if one is not None and one.document}
        found = _answers(wanted, cache, settings)
    said = [None if one is None else _said(one, found, settings) for one in asked]
    batch = schema.mark_error(batch, [None if one is None else one.error for one in said])
    given = [None if one is None else one.label for one in said]
    if settings.gives == "annotation":
        before = schema.column(batch, "annotations").to_pylist()
        who = _ORIGIN + settings.model
        both = [
            own if label is None else [*(own or ()), {"annotator": who, "label": label}]
            for own, label in zip(before, given, strict=True)
        ]
        kind = schema.SCHEMA["annotations"]
        return schema.with_columns(batch, {"annotations": pa.array(both, kind)})
    labels = schema.column(batch, "label").to_pylist()
    origins = schema.column(batch, "label_origin").to_pylist()
    for row, label in enumerate(given):
        if label is not None:
            labels[row], origins[row] = label, _ORIGIN + settings.model
    return schema.with_columns(batch, {"label": labels, "label_origin": origins})


def forecast(batches: Iterable[pa.RecordBatch], settings: Settings) -> str:
    """What is to be asked of samples, and what it costs, in a sentence; nothing is sent.

    Raises:
        StorageError: The answers that are kept cannot be read.
    """
    folder = Path(os.path.expanduser(settings.cache))
    asked = num_bytes = known = 0
    seen: set[bytes] = set()
    with AnswerCache(folder) as cache:
        for batch in batches:
            for one in _asked(batch, settings):
                if one is None or not one.document or one.digest in seen:
                    continue
                seen.add(one.digest)
                if cache.find(one.digest) is not None:
                    known += 1
                    continue
                asked += 1
                num_bytes += one.size
    told = f"{plural(asked, 'request')} to {settings.model}"
    if known:
        told += f" ({known:,} more were answered before)"
    if settings.price is None:
        return f"{told}; `price` says what they cost"
    tokens = num_bytes / _BYTES_A_TOKEN
    low = tokens * settings.price.input / _MILLION
    high = low + asked * settings.max_tokens * settings.price.output / _MILLION
    return (
        f"{told}, about {low:,.2f} {settings.price.currency} for the prompts (a token for "
        f"{_BYTES_A_TOKEN} bytes) and at most {high:,.2f} with answers of {settings.max_tokens} "
        "tokens each"
    )


def describe(batches: Iterator[pa.RecordBatch], settings: Settings) -> PlainObject:
    """What was asked, what came of it, and what it cost. See `FIGURES`."""
    num = refused = prompt = completion = 0
    labels: Counter[str] = Counter()
    seen: set[bytes] = set()
    with AnswerCache(Path(os.path.expanduser(settings.cache))) as cache:
        for batch in batches:
            for one in _asked(batch, settings, again=True):
                kept = None if one is None else cache.find(one.digest)
                if one is None or kept is None:
                    continue
                num += 1
                label = _read(kept, settings)
                if label is None:
                    refused += 1
                else:
                    labels[label] += 1
                if one.digest not in seen:
                    seen.add(one.digest)
                    prompt += kept.prompt_tokens
                    completion += kept.completion_tokens
    common: dict[str, int] = dict(sorted(labels.items(), key=lambda pair: (-pair[1], pair[0])))
    found: PlainObject = {
        "model": settings.model,
        "answered": num,
        "requests": len(seen),
        "refused": refused,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "labels": common,
    }
    if settings.price is not None:
        found["cost"] = _cost(prompt, completion, settings.price)
        found["currency"] = settings.price.currency
    return found


@dataclass(frozen=True)
class _Asked:
    """What is asked of a sample; without a document nothing can be."""

    document: bytes
    digest: bytes
    size: int
    lacks: str = ""


def _asked(
    batch: pa.RecordBatch, settings: Settings, *, again: bool = False
) -> list[_Asked | None]:
    """What is asked of each row; None of those that have a label, where labels are given.

    Args:
        batch: The rows.
        settings: Of the step.
        again: The rows went through the step: those that it labelled count.
    """
    names = fields_of(settings.prompt)
    columns = {
        name: [None] * batch.num_rows
        if name.startswith(META) and name not in batch.schema.names
        else schema.column(batch, name).to_pylist()
        for name in names
    }
    labels = schema.column(batch, "label").to_pylist()
    origins = schema.column(batch, "label_origin").to_pylist()
    own = _ORIGIN + settings.model
    found: list[_Asked | None] = []
    for row in range(batch.num_rows):
        is_ours = again and origins[row] == own
        if settings.gives == "label" and labels[row] is not None and not is_ours:
            found.append(None)
            continue
        values = {
            name: ("" if value is None else value if isinstance(value, str) else words(value))
            for name in names
            for value in (columns[name][row],)
        }
        lacking = [name for name, value in values.items() if not value.strip()]
        if len(lacking) == len(names):
            found.append(_Asked(b"", b"", 0, lacking[0]))
            continue
        cut = {name: value[: settings.max_chars] for name, value in values.items()}
        found.append(_request(filled(settings.prompt, cut, settings.labels), settings))
    return found


def _request(prompt: str, settings: Settings) -> _Asked:
    """The request's JSON, always spelt alike, and what it is known by."""
    system = [] if settings.system is None else [{"role": "system", "content": settings.system}]
    body: dict[str, object] = {
        "model": settings.model,
        "messages": [*system, {"role": "user", "content": prompt}],
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
    }
    if settings.answer == "json_schema":
        body["response_format"] = {"type": "json_schema", "json_schema": _schema(settings.labels)}
    elif settings.answer == "json_object":
        body["response_format"] = {"type": "json_object"}
    document = json.dumps(body, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode()
    size = len(prompt.encode("utf-8", "replace")) + len((settings.system or "").encode())
    return _Asked(document, request_digest(settings.endpoint, document), size)


def _schema(labels: Sequence[str]) -> dict[str, object]:
    return {
        "name": "label",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"label": {"type": "string", "enum": [*labels]}},
            "required": ["label"],
            "additionalProperties": False,
        },
    }


@dataclass(frozen=True)
class _Said:
    """A label, or why there is none."""

    label: str | None
    error: str | None = None


def _said(asked: _Asked, found: Mapping[bytes, Kept | str], settings: Settings) -> _Said:
    if not asked.document:
        return _Said(None, f"no `{asked.lacks}` to ask the model about")
    kept = found[asked.digest]
    if isinstance(kept, str):
        return _Said(None, f"the model was asked in vain: {kept}")
    label = _read(kept, settings)
    if label is not None:
        return _Said(label)
    if kept.refusal:
        return _Said(None, f"the model refused: {shorten(visible(kept.refusal), _MAX_SHOWN)}")
    answer = shorten(visible(kept.content or ""), _MAX_SHOWN)
    return _Said(None, f"the model's answer is none of the labels: `{answer}`")


def _read(kept: Kept, settings: Settings) -> str | None:
    """The label that an answer gives; None: none of them."""
    if kept.refusal or kept.content is None:
        return None
    said: object = kept.content
    if settings.answer != "text":
        try:
            document = parse_json(kept.content)
        except (ValueError, RecursionError):
            return None
        said = document.get("label") if isinstance(document, dict) else None
    label = as_label(said) if is_text(said) else None
    return label if label in settings.labels else None


def _answers(
    wanted: Mapping[bytes, bytes], cache: AnswerCache, settings: Settings
) -> dict[bytes, Kept | str]:
    """The answers to requests, those that are kept first; a text is why there is none."""
    found: dict[bytes, Kept | str] = {}
    open_: list[bytes] = []
    for digest in wanted:
        kept = cache.find(digest)
        if kept is None:
            open_.append(digest)
        else:
            found[digest] = kept
    if open_:
        run_to_end(_ask_all(open_, wanted, found, cache, settings))
    return found


async def _ask_all(
    open_: Sequence[bytes],
    wanted: Mapping[bytes, bytes],
    found: dict[bytes, Kept | str],
    cache: AnswerCache,
    settings: Settings,
) -> None:
    """Ask what is open, some at once. After a failure nothing more is sent, and what is under way
    is waited for: its answer is paid for.

    Raises:
        TilthError: The first that came.
    """
    left = iter(open_)
    failed: list[TilthError] = []
    places = allowed_places(settings.allow_hosts, [settings.url])
    secrets = Secrets(settings.headers, [settings.endpoint])
    client = Client(
        _AGENT, settings.timeout_s, places, connections=settings.at_once, secrets=secrets
    )

    async def work(endpoint: Endpoint) -> None:
        for digest in left:
            if failed:
                return
            try:
                _require_unspent(cache, settings)
                reply = await endpoint.ask(wanted[digest])
            except RefusedError as error:
                found[digest] = str(error)
                continue
            except TilthError as error:
                failed.append(error)
                return
            content = None if reply.content is None else reply.content[:_MAX_KEPT]
            tokens = reply.prompt_tokens, reply.completion_tokens
            kept = Kept(content, reply.refusal[:_MAX_KEPT], *tokens)
            cache.keep(digest, settings.model, kept)
            # Of another worker that asked the same meanwhile, whose answer was kept first.
            found[digest] = cache.find(digest) or kept

    async with client:
        endpoint = Endpoint(client, settings.endpoint, settings.retries, settings.retry_s)
        await asyncio.gather(*(work(endpoint) for _ in range(settings.at_once)))
    if failed:
        raise failed[0]


def _require_unspent(cache: AnswerCache, settings: Settings) -> None:
    """Refuse to go on once the most is spent.

    Raises:
        UsageError: It is.
    """
    if settings.max_cost is None or settings.price is None:
        return
    spent = cache.spent(settings.model)
    cost = _cost(spent.prompt_tokens, spent.completion_tokens, settings.price)
    if cost >= settings.max_cost:
        raise UsageError(
            f"the answers of {settings.model} have cost {cost:,.2f} {settings.price.currency}, and "
            f"`max_cost` is {settings.max_cost:,.2f}",
            where=settings.cache,
            hint="what was answered is kept: raise `max_cost` and run it again to go on",
            code="max-cost",
        )


def _cost(prompt: int, completion: int, price: Price) -> float:
    return (prompt * price.input + completion * price.output) / _MILLION
