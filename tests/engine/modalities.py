"""One small run of each modality with every stage: recipes over data made in a second."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml
from PIL import Image

from tests.augment.sounds import RATE
from tests.tasks.speech.speech_samples import say
from tilth.records import CHECKSUM

Tree = dict[str, Any]

_LOOP = {"max_steps": 6, "batch_size": 8, "precision": "fp32", "checkpoint_every": 2}
_GPT = {"kind": "gpt", "layers": 1, "width": 16, "heads": 2, "context": 16}
_TINY: Mapping[str, Tree] = {
    "text": {"task": "text-generation", "model": _GPT, "data": {"vocabulary": 300}},
    "images": {
        "task": "image-classification",
        "model": {"kind": "mlp", "hidden": [8]},
    },
    "speech": {
        "task": "speech-recognition",
        "model": {"kind": "ctc", "layers": 1, "hidden": 8, "channels": 8},
        "data": {"sample_rate": RATE, "mels": 12},
    },
    "translation": {
        "task": "translation",
        "model": {
            "kind": "seq2seq",
            "encoder_layers": 1,
            "decoder_layers": 1,
            "width": 16,
            "heads": 2,
        },
        "data": {"vocabulary": 300, "max_length": 10},
        "objective": {"beam": 1},
    },
}


def write_recipe(modality: str, folder: Path) -> Path:
    """A recipe file and its data: collect to value, 2 seeds, a decision about the data."""
    line = _LINES[modality](folder)
    tree: Tree = {"tilth": 1, "name": modality, "threads": 1, "error_budget": 0.05, **line}
    tree["pretrain"] = {**_TINY[modality], "loop": _LOOP}
    loop = {"max_steps": 3, "batch_size": 8, "precision": "fp32"}
    tree["transfer"] = {
        "sizes": [8],
        "methods": ["scratch", "finetune"],
        "seeds": 2,
        "test_size": 4,
        "loop": loop,
    }
    last = next(s for s in ("mix", "deduplicate", "clean") if tree.get(s))
    step = tree[last][-1]
    name = step if isinstance(step, str) else next(iter(step))
    tree["value"] = {
        "seeds": 2,
        "arms": {"fewer": {"without": f"{last}.{name}"}},
        "leakage": "remove",
    }
    path = folder / f"{modality}.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False), "utf-8")
    return path


def _text(folder: Path) -> Tree:
    chance, lines = random.Random(0), []
    for number in range(120):
        text = " ".join(f"word{chance.randrange(300)}" for _ in range(30))
        lines.append(json.dumps({"text": text if number % 10 else "the same words again " * 9}))
    (folder / "docs.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return {
        "collect": {"docs": {"jsonl": {"path": str(folder / "docs.jsonl")}}},
        "clean": ["normalize", {"signals": {"names": ["word_count"]}}],
        "deduplicate": [{"hold_out": {"test": 0.2, "by": "id"}}, "exact", "minhash"],
        "label": ["vote"],
        "mix": [{"weights": {"labels": {"other": 0.5}}}],
    }


def _images(folder: Path) -> Tree:
    generator = np.random.default_rng(0)
    for split, count in (("train", 24), ("test", 10)):
        for label in range(3):
            place = folder / "pictures" / split / f"kind{label}"
            place.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                pixels = generator.integers(0, 120, (16, 16)).astype(np.uint8)
                pixels[label * 4] += 100
                Image.fromarray(pixels).save(place / f"{number}.png")
    return {
        "collect": {"pictures": {"image_folder": {"path": str(folder / "pictures")}}},
        "clean": ["check_image"],
        "deduplicate": [{"exact": {"of": "image"}}],
        "augment": [{"flip": {}}],
        "mix": [{"weights": {"labels": {"kind0": 0.5}}}],
    }


def _speech(folder: Path) -> Tree:
    words = ("ab", "bc", "ca", "abc", "cb")
    (folder / "said").mkdir(exist_ok=True)
    spoken = []
    for number in range(60):
        wave = say(words[number % 5], 0.06 + 0.002 * (number % 7))
        soundfile.write(folder / "said" / f"u{number:02}.wav", wave, RATE, subtype="PCM_16")
        spoken.append(f"u{number:02}.wav\t{words[number % 5]}")
    (folder / "said.tsv").write_text("\n".join(spoken) + "\n", "utf-8")
    audio = {"path": str(folder / "said"), "transcripts": str(folder / "said.tsv")}
    return {
        "collect": {"said": {"audio": audio}},
        "deduplicate": [{"hold_out": {"test": 0.3, "by": "id"}}, {"exact": {"of": "audio"}}],
        "augment": [{"speed": {}}],
        "mix": ["weights"],
    }


def _translation(folder: Path) -> Tree:
    for side, word in (("en", "after"), ("de", "nach")):
        lines = [f"{word} {number} {number + 1} {number + 2}" for number in range(80)]
        (folder / f"pairs.{side}").write_text("\n".join(lines) + "\n", "utf-8")
    sides = {"source": folder / "pairs.en", "target": folder / "pairs.de"}
    pair = {side: {"path": str(path)} for side, path in sides.items()}
    return {
        "collect": {"pairs": {"parallel": {"files": [pair]}}},
        "deduplicate": [{"hold_out": {"test": 0.2, "by": "id"}}, "exact"],
        "mix": ["weights"],
    }


_LINES: Mapping[str, Callable[[Path], Tree]] = {
    "text": _text,
    "images": _images,
    "speech": _speech,
    "translation": _translation,
}
MODALITIES = tuple(_LINES)

# What a clock decides, and no data; with it the checksum of what holds it.
_CLOCKS = frozenset(
    ("seconds", "cpu_seconds", "training_seconds", "seconds_per_seed", "cost_s", "more_cost_s")
) | {CHECKSUM}


def results(folder: Path) -> dict[str, Any]:
    """All that a run's steps left, by path, the times that they took aside."""
    found: dict[str, Any] = {}
    for path in sorted((folder / "data").rglob("*")):
        name = str(path.relative_to(folder))
        if not path.is_file() or "work" in path.relative_to(folder).parts:
            continue
        if path.name in ("README.md", "generated.json"):
            continue  # written by the report, where one was
        if path.suffix == ".json":
            found[name] = timeless(json.loads(path.read_bytes()))
        elif path.suffix == ".jsonl":
            found[name] = [timeless(json.loads(one)) for one in path.read_text().splitlines()]
        else:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def timeless(value: Any) -> Any:
    """A record as JSON, less what a clock decides."""
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key not in _CLOCKS}
    return [timeless(item) for item in value] if isinstance(value, list) else value
