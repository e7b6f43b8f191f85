"""The command in this process, in a folder of small runs of every modality, made once a session."""

from __future__ import annotations

import json
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import tilth
from tests.engine.inline import use_inline
from tests.query.models import png
from tests.query.trained import RECIPE as LIGHTS
from tests.query.trained import write_images
from tests.tasks.speech.speech_samples import encode, say
from tilth.cli.main import app

# Every verb that reads a run, with arguments that the runs below answer.
ANSWERED = {
    "status": ["small"],
    "show": ["small", "rules"],
    "trace": ["small", "docs.jsonl:7"],
    "diff": ["small@1", "small"],
    "report": ["small"],
    "export": ["small", "--to", "{new}"],
    "remove": ["small", "--unused"],
    "verify": ["small"],
    "generate": ["tales", "heron"],
    "translate": ["words", "heron stone"],
    "transcribe": ["said", "a.wav"],
    "classify": ["lights", "dark.png"],
}
NUM_DOCUMENTS = 40
_WORDS = ["heron", "river", "stone", "cloud", "grass", "moss", "fern", "gate", "lamp", "rain"]

SMALL = """
tilth: 1
name: small
about: forty made-up documents
error_budget: 0.1
collect:
  docs: {{jsonl: {{path: docs.jsonl}}}}
clean:
  - normalize
  - signals: {{names: [word_count, alpha_ratio]}}
  - rules: {{where: ["word_count >= {words}", "alpha_ratio >= 0.5"]}}
deduplicate:
  - hold_out: {{test: 0.2, by: id}}
  - exact
"""
_TRAINED = """
tilth: 1
name: {name}
collect: {{docs: {source}}}
{augment}
pretrain:
  task: {task}
  model: {model}
  data: {data}
  loop: {{batch_size: 8, max_steps: 30, precision: fp32}}
  optimizer: {{learning_rate: 0.02}}
"""


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its one document."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Its documents, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


def tilth_(*words: object, given: str = "", **environment: str) -> Said:
    """A command in this process; `{new}` in a word is a folder that is not there yet."""
    new = str(Path(tempfile.mkdtemp(dir=Path.cwd())) / "new")
    found = CliRunner().invoke(
        app,
        [str(word).replace("{new}", new) for word in words],
        input=given,
        env={"TILTH_RUNS": None, "TILTH_MIRROR": None, **environment},
        catch_exceptions=False,
    )
    return Said(found.exit_code, found.stdout, found.stderr)


# It is made once, whichever module of tests asks first.
_made: list[Path] = []


def _make(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        use_inline(patch)
        patch.chdir(folder)
        _documents(folder)
        write_images(folder / "images.parquet", 60)
        for name, level in (("dark", 10), ("light", 250)):
            (folder / f"{name}.png").write_bytes(png(level))
        (folder / "sounds").mkdir()
        for number in range(12):
            word = ("ab", "bc", "ca")[number % 3]
            (folder / "sounds" / f"{number}_{word}.wav").write_bytes(encode(say(word)))
        (folder / "a.wav").write_bytes(encode(say("ab")))
        for words in (20, 12):
            (folder / f"small-{words}.yaml").write_text(SMALL.format(words=words), "utf-8")
            tilth.run(f"small-{words}.yaml", progress=False)
        for name, text in _recipes(folder).items():
            (folder / f"{name}.yaml").write_text(text, "utf-8")
            tilth.run(f"{name}.yaml", progress=False)


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the runs, as the working directory; what a test adds goes elsewhere in it."""
    if not _made:
        folder = tmp_path_factory.mktemp("table")
        _make(folder)
        _made.append(folder)
    monkeypatch.chdir(_made[0])
    return _made[0]


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with the documents and the recipe `small.yaml`."""
    _documents(tmp_path)
    (tmp_path / "small.yaml").write_text(SMALL.format(words=12), "utf-8")
    monkeypatch.chdir(tmp_path)
    use_inline(monkeypatch)
    return tmp_path


def _text(rng: random.Random, num_words: int) -> str:
    return " ".join(rng.choices(_WORDS, k=num_words))


def _documents(folder: Path) -> None:
    """Texts of 5 to 30 words, two of them equal; the last line is broken."""
    rng = random.Random(0)
    texts = [_text(rng, rng.randint(5, 30)) for _ in range(NUM_DOCUMENTS)]
    texts[9] = texts[7] = _text(rng, 25)
    lines = [json.dumps({"text": f"  {text}"}) for text in texts]
    (folder / "docs.jsonl").write_text("\n".join([*lines, '{"text": "cut']) + "\n", "utf-8")


def _recipes(folder: Path) -> dict[str, str]:
    rng = random.Random(1)
    prompts = [_text(rng, 12) for _ in range(60)]
    pairs = [(text, text.upper()) for text in (_text(rng, 3) for _ in range(60))]
    (folder / "tales.jsonl").write_text("\n".join(json.dumps({"text": p}) for p in prompts))
    (folder / "words.jsonl").write_text(
        "\n".join(json.dumps({"text": text, "target": target}) for text, target in pairs)
    )
    learnt = "{tokenizer: characters, validation_share: 0}"
    tiny = "heads: 2, width: 16, hidden: 16, dropout: 0, attention_dropout: 0"
    return {
        "lights": LIGHTS.format(path="images.parquet", more="optimizer: {learning_rate: 0.05}"),
        "tales": _TRAINED.format(
            name="tales",
            source="{jsonl: {path: tales.jsonl}}",
            augment="",
            task="text-generation",
            model="{kind: gpt, layers: 1, heads: 2, width: 16, context: 32, positions: learned}",
            data=learnt,
        ),
        "words": _TRAINED.format(
            name="words",
            source="{jsonl: {path: words.jsonl, fields: {text: text, target: target}}}",
            augment="",
            task="translation",
            model=f"{{kind: seq2seq, encoder_layers: 1, decoder_layers: 1, {tiny}}}",
            data=learnt,
        ),
        "said": _TRAINED.format(
            name="said",
            source="{audio: {path: sounds, name: '\\d+_(?P<target>[a-z]+)\\.wav'}}",
            augment="augment: [span: {probability: 1}]",
            task="speech-recognition",
            model="{kind: ctc, layers: 1, hidden: 8, channels: 8}",
            data="{validation_share: 0}",
        ),
    }
