"""Verbs that ask a trained model: generate, translate, transcribe, classify."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tilth.cli.output import as_plain, line, say, write
from tilth.cli.verb import Runs, Verb, error_document, say_error
from tilth.errors import MissingError, UsageError
from tilth.foreign import visible
from tilth.spell import decimals_apart, fixed

if TYPE_CHECKING:
    from tilth.pretrain.ask import Answer
    from tilth.tasks.prediction import Prediction

ModelArgument = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run's name or folder, or the folder of a trained model."),
]
Texts = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TEXT]...", help="Texts; without any, lines of standard input."),
]
Files = Annotated[
    list[str] | None,
    typer.Argument(metavar="[FILE]...", help="Files; without any, names on standard input."),
]
Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[INPUT]...", help="Texts, or names of images; without any, standard input."
    ),
]
Lines = Annotated[
    Path | None,
    typer.Option("--file", "-f", metavar="FILE", help="Lines of this file, not of standard input."),
]
JsonLines = Annotated[
    bool, typer.Option("--json", help="Print one JSON object a line; all else goes to stderr.")
]
BatchSize = Annotated[
    int | None, typer.Option("--batch-size", min=1, metavar="N", help="Samples at once; 32.")
]
MaxTokens = Annotated[
    int | None, typer.Option("--max-tokens", min=1, metavar="N", help="Tokens at most; 200.")
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Fixes what is drawn; 0.")]


def generate(
    run: ModelArgument,
    text: Texts = None,
    file: Lines = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Texts a prompt.")] = 1,
    max_tokens: MaxTokens = None,
    temperature: Annotated[
        float | None,
        typer.Option("--temperature", min=0, help="Below 1 safer, above wilder, 0 likeliest; 0.8."),
    ] = None,
    top_k: Annotated[
        int | None, typer.Option("--top-k", min=0, help="Draw among so many tokens; 0: all.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            "--top-p", min=0.000001, max=1, help="Draw among the likeliest of this share; 1."
        ),
    ] = None,
    repetition_penalty: Annotated[
        float | None,
        typer.Option("--repetition-penalty", min=1, help="Make what stood there unlikelier; 1."),
    ] = None,
    seed: Seed = None,
    batch_size: BatchSize = None,
    runs: Runs = "runs",
    json: JsonLines = False,
) -> int:
    """Go on with texts. At a terminal without a text, write one from its beginning."""
    given = {
        "max_tokens": max_tokens,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "repetition_penalty": repetition_penalty,
        "seed": seed,
        "batch_size": batch_size,
    }
    _require_drawn(given, n)
    if not text and file is None and sys.stdin.isatty():
        text = [""]
    shown = 0

    def show(answer: Answer) -> None:
        nonlocal shown
        assert answer.result is not None
        # Texts have lines of their own: an empty one tells them apart.
        line(("\n" if shown else "") + visible(answer.input + (answer.result.text or "")))
        shown += 1

    return _ask("generate", run, runs, text, file, given, json, show, repeat=n)


def _require_drawn(given: Mapping[str, object], n: int) -> None:
    """Refuse what says how to draw where nothing is drawn.

    Raises:
        UsageError: The likeliest token is asked for, and something of a draw as well.
    """
    one = next((name for name, at in (("temperature", 0), ("top_k", 1)) if given[name] == at), None)
    if one is None:
        return
    drawing = ("temperature", "top_k", "top_p", "seed")
    idle = [name for name in drawing if name != one and given[name] is not None]
    if idle or n > 1:
        options = [f"--{name.replace('_', '-')}" for name in (one, *idle)]
        raise UsageError(
            f"`{options[1] if idle else '-n'}` does nothing beside `{options[0]} {given[one]:g}`, "
            "which takes the likeliest token: nothing is drawn",
            hint="leave one of them out",
        )


def translate(
    run: ModelArgument,
    text: Texts = None,
    file: Lines = None,
    beam: Annotated[
        int | None,
        typer.Option("--beam", min=1, help="Hypotheses kept; 1: greedy. The recipe's by default."),
    ] = None,
    length_penalty: Annotated[
        float | None,
        typer.Option("--length-penalty", min=0, help="Above 1 longer. The recipe's by default."),
    ] = None,
    max_tokens: MaxTokens = None,
    batch_size: BatchSize = None,
    runs: Runs = "runs",
    json: JsonLines = False,
) -> int:
    """Translate texts: a line in, a line out."""
    given = {
        "beam": beam,
        "length_penalty": length_penalty,
        "max_tokens": max_tokens,
        "batch_size": batch_size,
    }

    def show(answer: Answer) -> None:
        assert answer.result is not None
        line(_one_line(answer.result.text or ""))

    return _ask("translate", run, runs, text, file, given, json, show)


def transcribe(
    run: ModelArgument,
    audio: Files = None,
    file: Lines = None,
    batch_size: BatchSize = None,
    runs: Runs = "runs",
    json: JsonLines = False,
) -> int:
    """Write down what is said in sound files: a line each, file and text with a tab between."""

    def show(answer: Answer) -> None:
        assert answer.result is not None
        line(f"{_one_line(answer.input)}\t{_one_line(answer.result.text or '')}")

    return _ask("transcribe", run, runs, audio, file, {"batch_size": batch_size}, json, show)


def classify(
    run: ModelArgument,
    sample: Inputs = None,
    file: Lines = None,
    top: Annotated[
        int | None, typer.Option("--top", min=1, metavar="N", help="The N likeliest classes.")
    ] = None,
    batch_size: BatchSize = None,
    runs: Runs = "runs",
    json: JsonLines = False,
) -> int:
    """Say which class texts or images are of: a line each, class, probability and input."""

    def show(answer: Answer) -> None:
        assert answer.result is not None
        best = _best(answer.result.scores or {}, top or 1)
        words = [part for name, share in best.items() for part in (name, _probability(share))]
        # A task that gives no probabilities has its answer all the same.
        words = words or [_one_line(answer.result.label or answer.result.text or "")]
        line("\t".join([*words, _one_line(answer.input)]))

    def cut(found: Prediction) -> Prediction:
        scores = None if found.scores is None else _best(found.scores, top)
        return found.model_copy(update={"scores": scores})

    given = {"batch_size": batch_size}
    return _ask("classify", run, runs, sample, file, given, json, show, cut=cut)


def _probability(share: float) -> str:
    """Four decimals, and more where it would look like certainty."""
    return fixed(share, decimals_apart((share,), 4, (0.0, 1.0)))


def _best(scores: dict[str, float], number: int | None) -> dict[str, float]:
    return dict(sorted(scores.items(), key=lambda item: -item[1])[:number])


def _one_line(text: str) -> str:
    # What a model writes is foreign text: no control sequence of it reaches the terminal.
    return visible(" ".join(text.split("\n")).replace("\t", " "))


def _ask(
    verb: str,
    run: str,
    runs: str,
    samples: Sequence[str] | None,
    file: Path | None,
    given: Mapping[str, object],
    json: bool,
    show: Callable[[Answer], None],
    *,
    repeat: int = 1,
    cut: Callable[[Prediction], Prediction] | None = None,
) -> int:
    """Find the model, answer every sample, say what failed; 1 if something did."""
    from tilth.extensions import using
    from tilth.pretrain.ask import answers, options_for
    from tilth.query.predict import find_model, require_verb

    model = find_model(run, runs)
    failed = 0
    with using(model.extensions):
        require_verb(model, verb)
        options = options_for(model, given)
        if given.get("length_penalty") is not None and options.beam == 1:
            raise UsageError(
                "greedy search keeps one hypothesis: `--length-penalty` does nothing",
                hint="--beam 5",
            )
        parts = _parts(samples, file, files=model.reads != "text")
        repeated = ([sample for sample in part for _ in range(repeat)] for part in parts)
        for answer in answers(model, repeated, options):
            if answer.error is not None:
                failed += 1
                say_error(answer.error)
            if json:
                document: dict[str, object] = {"input": answer.input}
                if answer.error is not None:
                    document["error"] = error_document(answer.error)
                elif answer.result is not None:
                    document |= (cut(answer.result) if cut else answer.result).as_json()
                text = json_module.dumps(as_plain(document), ensure_ascii=True, allow_nan=False)
                write(text + "\n")
            elif answer.error is None:
                show(answer)
    return 1 if failed else 0


def _parts(
    samples: Sequence[str] | None, file: Path | None, *, files: bool
) -> Iterator[Sequence[str | bytes]]:
    """The samples in parts, as they come; `files`: they are names, and an empty line is none."""
    from tilth.pretrain.ask import lines_of

    if samples:
        yield samples
    if file is None:
        if samples:
            return
        if sys.stdin.isatty():
            say("reading lines from the keyboard; Ctrl-D ends them")
        parts = lines_of(sys.stdin.buffer)
        yield from ([line for line in part if line] if files else part for part in parts)
        return
    try:
        with open(file, "rb") as stream:
            parts = lines_of(stream)
            yield from ([line for line in part if line] if files else part for part in parts)
    except OSError as error:
        raise MissingError(
            f"the file cannot be read: {error.strerror}", where=str(file), code="unreadable"
        ) from None


VERBS = (
    Verb(
        generate,
        """tilth generate shakespeare "ROMEO:" --temperature 0.7 --top-k 40
        tilth generate shakespeare "To be" -n 3 --seed 1 --max-tokens 100
        tilth generate shakespeare --file prompts.txt --json > texts.jsonl""",
    ),
    Verb(
        translate,
        """tilth translate multi30k "Ein Hund rennt durch den Schnee."
        tilth translate multi30k --beam 1 < german.txt > english.txt
        tilth translate multi30k --file german.txt --json""",
    ),
    Verb(
        transcribe,
        """tilth transcribe spoken-digits a.wav b.wav
        find recordings -name '*.wav' | tilth transcribe spoken-digits --json""",
    ),
    Verb(
        classify,
        """tilth classify mnist digit.png
        tilth classify text-transfer "My card has not arrived" --top 3
        tilth classify sms-spam --file messages.txt --json""",
    ),
)
