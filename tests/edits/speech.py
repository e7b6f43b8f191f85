"""Spoken words in sound files, with a file of transcripts."""

from __future__ import annotations

import random

from tests.augment.sounds import RATE
from tests.edits.common import (
    append,
    backwards,
    linked,
    move,
    of_header,
    of_process,
    replace,
    settings,
    source,
    touch,
    version,
    write,
)
from tests.edits.trainings import of_training, stages
from tests.edits.workspace import TRAININGS, Draft, Edit, Modality, Step
from tests.tasks.speech.speech_samples import encode, say

_WORDS = ("ab", "bc", "ca", "abc", "cb")


def _wave(number: int) -> bytes:
    return encode(say(_WORDS[number % 5], 0.04 + 0.001 * (number % 11)))


def _name(number: int) -> str:
    return f"said/u{number:02}_{('ann', 'bob')[number % 2]}_{number % 4}.wav"


def base() -> Draft:
    """Two voices; every fourth take is held out."""
    draft = Draft(header={"name": "speech", "seed": 0, "threads": 1, "error_budget": 0.05})
    for number in range(24):
        draft.write(_name(number), _wave(number))
    lines = [f"u{n:02}_{('ann', 'bob')[n % 2]}_{n % 4}.wav\t{_WORDS[n % 5]}" for n in range(25)]
    lines.append(f"u30_ann_2.wav\t{_WORDS[2]}")
    draft.write("said/u30_ann_2.wav", _wave(2))
    draft.write("said.tsv", "\n".join(lines) + "\n")
    draft.write("said/x_noise.wav", _wave(3))
    draft.write("said/notes.txt", "mine\n")
    audio = {
        "path": "said",
        "transcripts": "said.tsv",
        "name": r"u\d+_(?P<subject>[a-z]+)_(?P<index>\d)\.wav",
        "only": "u[0-9]",
        "splits": {"test": [0, 0], "train": [1, 3]},
    }
    draft.sources = {"said": Step("audio", audio)}
    draft.steps = {
        "deduplicate": [Step("exact", {"of": "audio"})],
        "augment": [Step("speed")],
        "mix": [Step("weights")],
    }
    draft.trainings = stages(
        {
            "task": "speech-recognition",
            "model": {"kind": "ctc", "layers": 1, "hidden": 6, "channels": 6},
            "data": {"sample_rate": RATE, "mels": 12},
            "optimizer": {"learning_rate": 0.002},
        },
        {},
        "deduplicate.exact",
        target="none",
    )
    return draft


def _swapped(draft: Draft) -> None:
    one, other = _name(0), _name(5)
    draft.files[one], draft.files[other] = draft.files[other], draft.files[one]


def _shuffled(draft: Draft) -> None:
    """The transcripts in another order: each is found by the name of its file."""
    lines = draft.text("said.tsv").splitlines()
    random.Random(0).shuffle(lines)
    draft.write("said.tsv", "\n".join(lines) + "\n")


_SAID, _STAGES = ("collect.said",), ("pretrain", "transfer", "value")
EDITS = (
    Edit("a sound more", write(_name(24), _wave(24)), _SAID),
    Edit("a copy of a sound", write("said/u01_bob_1.wav", _wave(6)), _SAID),
    Edit("two sounds for each other", _swapped, _SAID),
    Edit("a transcript", replace("said.tsv", "u03_bob_3.wav\tabc", "u03_bob_3.wav\tcab"), _SAID),
    Edit("a sound renamed", move(_name(2), "said/u02_bob_2.wav"), _SAID),
    Edit(
        "other indices of the splits",
        source("said", splits={"test": [0, 1], "train": [2, 3]}),
        _SAID,
    ),
    Edit("a weight", settings("mix.weights", sources={"said": 2}), ("mix.weights",)),
    Edit("a transform", settings("augment.speed", max_change=0.05), _STAGES),
    Edit("a transform of the features", lambda d: d.steps["augment"].append(Step("tilt")), _STAGES),
    Edit("transcripts in another order", _shuffled, _SAID),
    Edit("a blank line in the transcripts", append("said.tsv", "\n"), _SAID),
    Edit("a transcript of no sound", append("said.tsv", "u99_ann_1.wav\tab\n"), _SAID),
    Edit("splits in another order", backwards(lambda d: d.sources["said"].settings["splits"])),
    Edit("a sound that is ruled out", write("said/x_noise.wav", _wave(4))),
    Edit("a sound more that is ruled out", write("said/x_more.wav", _wave(4)), _SAID),
    Edit("an unread file beside", write("said/notes.txt", "whose\n")),
    Edit("./ before the transcripts", source("said", transcripts="./said.tsv")),
    Edit("a sound touched", touch(_name(0))),
    Edit("the transcripts touched", touch("said.tsv")),
    Edit("the transcripts behind a link", linked("said.tsv")),
    Edit("--limit above every source", lambda d: setattr(d, "limit", 1000)),
    *of_training(target=False, method="probe"),
    version("soundfile", "collect.said", *TRAININGS, must=("pretrain",)),
    *of_header(),
    *of_process(),
)
SPEECH = Modality("speech", base, EDITS, points=26)
