"""A trained model as a folder for programs that know nothing of Tilth.

What the model must be given goes with it: how a sample becomes numbers (`preprocessing.json`), the
tokenizer, and of ONNX a program of some lines that asks the model by itself (`use.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

from tilth.export.card import CARD
from tilth.export.onnx import BATCHES, graphs_of, require_onnx, write_onnx
from tilth.foreign import unmarked
from tilth.models.registry import declaration as model_declaration
from tilth.pretrain.hub_export import export_hub, loader_of
from tilth.pretrain.hub_gpt2 import TOKENIZER_CONFIG
from tilth.pretrain.hub_resnet import IMAGE_CONFIG
from tilth.pretrain.start import CONFIG, TOKENIZER, WEIGHTS
from tilth.pretrain.weights import Loaded, load_model
from tilth.records import Json
from tilth.store.files import write_bytes, write_json
from tilth.tasks.registry import declaration
from tilth.tasks.speech import features
from tilth.tasks.text.tokenize import end_token

PREPROCESSING: Final = "preprocessing.json"
USE: Final = "use.py"
# Which program asks a model, by how its network is called and what its task answers.
_PROGRAMS: Final[Mapping[tuple[str, str], str]] = {
    ("images", "classify"): "pixels",
    ("tokens", "classify"): "classes",
    ("tokens", "generate"): "continued",
    ("pairs", "translate"): "translated",
    ("frames", "transcribe"): "spelt",
}
# Modules of Tilth's own that such a program reads, which need nothing but Python.
_READ: Final[Mapping[str, tuple[str, str]]] = {"spelt": ("decode", "containers.py")}


def write_model(model_folder: Path, format: str, out: Path, name: str) -> None:
    """Write a trained model, what it must be given, and a card.

    Args:
        model_folder: Of a finished pretrain step; its card, where it has one, goes first.
        format: One of `tilth.export.names.MODEL_FORMATS`.
        out: A folder that is there.
        name: Of the run, for a card where there is none.

    Raises:
        UsageError: Hugging Face has no counterpart of the model.
        MissingError: There is no model, or the extra `onnx` is not installed.
        DataError: It is damaged, or no exporter writes it rightly.
        StorageError: The folder cannot be written.
    """
    about = _WRITERS[format](model_folder, out)
    card = model_folder / CARD
    if card.is_file():
        head = card.read_text("utf-8", "replace").rstrip()
    else:
        head = f"# {unmarked(name)}\n\nA model that was trained with Tilth. Of what, and what it "
        head += "reaches, the run's report says."
    write_bytes(out / CARD, f"{head}\n\n## This folder\n\n{about}\n".encode("utf-8", "replace"))


def expected_model(model_folder: Path, format: str) -> tuple[tuple[str, ...], int]:
    """The files that `write_model` would write beside the card, and about the bytes of the weights.

    Args:
        model_folder, format: As of `write_model`.

    Raises:
        UsageError, MissingError, DataError: As of `write_model` before it writes.
    """
    if format == "onnx":
        require_onnx()
    loaded = load_model(model_folder)
    names, tokenizer = {PREPROCESSING}, {TOKENIZER} if loaded.tokenizer is not None else set()
    if format == "safetensors":
        names |= {one for one in (CONFIG, WEIGHTS, TOKENIZER) if (model_folder / one).is_file()}
    elif format == "huggingface":
        loader_of(loaded, model_folder)
        names |= {CONFIG, WEIGHTS, *(tokenizer and {TOKENIZER, TOKENIZER_CONFIG})}
        names |= set() if tokenizer else {IMAGE_CONFIG}
    else:
        names |= {graph.file for graph in graphs_of(loaded)} | tokenizer
        program = _program(loaded)
        names |= {USE} if program else set()
        names |= {_READ[program][1]} if program and program in _READ else set()
    size = sum(one.numel() * one.element_size() for one in loaded.model.state_dict().values())
    return tuple(sorted(names)), size


def preprocessing(loaded: Loaded) -> Json:
    """How a sample becomes what the network is given; see `docs/guides/export.md`."""
    facts, interface = loaded.facts, model_declaration(loaded.settings.kind).interface
    told: Json = {
        "task": loaded.task.name,
        "model": loaded.settings.kind,
        "reads": interface,
        "classes": list(facts.classes),
    }
    if interface == "images":
        channels, height, width = facts.sizes.image
        told |= {"channels": channels, "height": height, "width": width, "resize": "bilinear"}
        told |= {"scale": 1 / 255, "mean": list(facts.mean), "std": list(facts.std)}
        told["averaged_over"] = loaded.objective.views
    if interface == "frames":
        told |= {"mels": facts.sizes.mels, **_spectrum(facts.sample_rate)}
        told["lexicon"] = loaded.objective.lexicon
    if loaded.tokenizer is not None:
        told |= {"tokenizer": TOKENIZER, "end": end_token(loaded.tokenizer)}
        told["max_length"] = facts.max_length
        context = int(getattr(loaded.model, "context", 0))
        told |= {"context": context} if context else {}
        if context and interface == "tokens" and facts.sizes.classes:
            told["max_length"] = min(facts.max_length, context)
    return told


def _spectrum(rate: int) -> Json:
    """What `tasks/speech/features.py` makes of a sound: samples, hertz and shares."""
    window = round(features.WINDOW_S * rate)
    return {
        "sample_rate": rate,
        "window": window,
        "hop": round(features.HOP_S * rate),
        "fft": 1 << (window - 1).bit_length(),
        "lowest_hz": features.LOWEST_HZ,
        "floor": features.FLOOR,
        "silence": features.SILENCE,
        "margin": features.MARGIN,
    }


def _safetensors(model_folder: Path, out: Path) -> str:
    loaded = load_model(model_folder)
    for file in (CONFIG, WEIGHTS, TOKENIZER):
        if (model_folder / file).is_file():
            write_bytes(out / file, (model_folder / file).read_bytes())
    write_json(out / PREPROCESSING, preprocessing(loaded))
    shapes = [
        f"| `{name}` | {str(tensor.dtype).removeprefix('torch.')} | {list(tensor.shape)} |"
        for name, tensor in loaded.model.state_dict().items()
    ]
    table = "\n".join(["| tensor | type | shape |", "| --- | --- | --- |", *shapes])
    return (
        f"- `{WEIGHTS}`: the weights, as safetensors.\n"
        f"- `{CONFIG}`: architecture, and what the training data said; `tilth` asks the folder by "
        f"its name, and `pretrain.initialise` starts from it.\n{_beside(loaded)}\n\n{table}"
    )


def _huggingface(model_folder: Path, out: Path) -> str:
    loader = export_hub(model_folder, out)
    loaded = load_model(model_folder)
    write_json(out / PREPROCESSING, preprocessing(loaded))
    reader = "AutoTokenizer" if loaded.tokenizer else "AutoImageProcessor"
    return (
        f"In Hugging Face's format: `{loader}.from_pretrained(FOLDER)` and "
        f"`{reader}.from_pretrained(FOLDER)` of `transformers` load it.\n\n{_beside(loaded)}"
    )


def _onnx(model_folder: Path, out: Path) -> str:
    loaded = load_model(model_folder)
    written = write_onnx(loaded, out)
    write_json(out / PREPROCESSING, preprocessing(loaded))
    if loaded.tokenizer is not None:
        write_bytes(out / TOKENIZER, loaded.tokenizer.to_str().encode())
    rows = ["| file | | name | type | shape |", "| --- | --- | --- | --- | --- |"]
    for one in written:
        for side, ports in (("in", one.inputs), ("out", one.outputs)):
            rows += [
                f"| `{one.file}` | {side} | `{port.name}` | {port.type} | "
                f"[{', '.join(map(str, port.shape))}] |"
                for port in ports
            ]
    program = _program(loaded)
    lines = [_beside(loaded)]
    if program:
        source = files("tilth.export") / "alone" / f"{program}.py.txt"
        write_bytes(out / USE, source.read_bytes())
        lines.append(f"- `{USE}`: asks the model without Tilth; its first lines say how.")
    if program and program in _READ:
        room, module = _READ[program]
        write_bytes(out / module, (files(f"tilth.{room}") / module).read_bytes())
        lines.append(f"- `{module}`: what `{USE}` sees by whether a file is cut off or damaged.")
    largest = max(one.largest for one in written)
    lengths = " and ".join(str(length) for length in written[0].lengths)
    told = f"in batches of {', '.join(map(str, BATCHES[:-1]))} and {BATCHES[-1]}"
    told += f" and lengths of {lengths}" if lengths else ""
    import onnxruntime

    return "\n\n".join(
        [
            "\n".join(rows),
            f"Run by onnxruntime {onnxruntime.__version__} {told}, its answers were at most "
            f"{largest:.1e} from the network's own.",
            "\n".join(lines),
            *_not_in_the_graph(loaded),
        ]
    )


def _beside(loaded: Loaded) -> str:
    lines = [f"- `{PREPROCESSING}`: how a sample becomes what the network is given."]
    if loaded.tokenizer is not None:
        lines.append(f"- `{TOKENIZER}`: the tokenizer, which the library `tokenizers` reads.")
    return "\n".join(lines)


def _not_in_the_graph(loaded: Loaded) -> list[str]:
    """What Tilth's own answers have beyond the network's, and the figures above with them."""
    objective, verb = loaded.objective, declaration(loaded.task.name).verb
    told = []
    if objective.views:
        told.append(
            f"Tilth answers with the mean over views of an image (`views: {objective.views}`), and "
            "the figures above were measured so; the file gives the logits of one view."
        )
    if objective.lexicon:
        told.append(
            f"Tilth answers with the likeliest {objective.lexicon} of its training split, and the "
            f"figures above were measured so; `{USE}` spells freely."
        )
    if verb == "translate":
        told.append(
            "Tilth translates by beam search, and the figures above were measured so; "
            f"`{USE}` takes the likeliest token each time."
        )
    return told


def _program(loaded: Loaded) -> str | None:
    """The program that asks the model; None: nothing is known of how it is asked."""
    task = declaration(loaded.task.name)
    if not task.data.module.startswith("tilth.tasks."):
        return None  # of an extension, which reads samples in its own way
    return _PROGRAMS.get((task.interface, task.verb))


_WRITERS: Final[Mapping[str, Callable[[Path, Path], str]]] = {
    "safetensors": _safetensors,
    "huggingface": _huggingface,
    "onnx": _onnx,
}
