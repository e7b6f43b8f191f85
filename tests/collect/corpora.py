"""One small corpus of every layout, and what its rows say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.decode.sounds import encode

RATE = 16_000
# Of each sample who it is can be heard: no two stretches are alike.
LONG = np.random.default_rng(7).integers(-9_000, 9_000, (4 * RATE, 1)).astype(np.int16)


def said(number: int, kind: str = "WAV", samples: int = 8_000) -> bytes:
    """A short sound; another number is another one."""
    return encode(kind, LONG[number * 100 : number * 100 + samples], RATE)


TABLE = "client_id\tpath\tsentence\tup_votes\tage\tgender\taccents\tlocale\n"

CORPORA: Mapping[str, Mapping[str, bytes]] = {
    "speech_commands": {
        "sc/validation_list.txt": b"yes/b1_nohash_0.wav\n",
        "sc/testing_list.txt": b"no/c1_nohash_1.wav\n",
        "sc/README.md": b"x",
        "sc/_background_noise_/rain.wav": said(0),
        "sc/no/c1_nohash_1.wav": said(1),
        "sc/yes/a1_nohash_0.wav": said(2),
        "sc/yes/b1_nohash_0.wav": said(3),
    },
    "librispeech": {
        "LS/SPEAKERS.TXT": b";ID|SEX\n84 | F | dev-clean | 8.02 | Christie | Nowak\n",
        "LS/README.TXT": b"x",
        "LS/dev-clean/84/121/84-121.trans.txt": b"84-121-0000 GO ON\n84-121-0001 HE SAID\n",
        "LS/dev-clean/84/121/84-121-0000.flac": said(0, "FLAC"),
        "LS/dev-clean/84/121/84-121-0001.flac": said(1, "FLAC"),
        "LS/train-clean-100/19/198/19-198.trans.txt": b"19-198-0000 NORTH\n",
        "LS/train-clean-100/19/198/19-198-0000.flac": said(2, "FLAC"),
    },
    "common_voice": {
        "cv/sr/train.tsv": (TABLE + 'u1\ta.mp3\tHe said "no\t2\ttwenties\t\t\tsr\n').encode(),
        "cv/sr/dev.tsv": (TABLE + "u2\tb.mp3\tGo\t3\t\tfemale\tx\tsr\n").encode(),
        "cv/sr/test.tsv": TABLE.encode(),
        "cv/sr/validated.tsv": (
            TABLE
            + 'u1\ta.mp3\tHe said "no\t2\ttwenties\t\t\tsr\n'
            + "u2\tb.mp3\tGo\t3\t\tfemale\tx\tsr\n"
            + "u3\tc.mp3\tStay\t2\t\t\t\tsr\n"
        ).encode(),
        "cv/sr/reported.tsv": b"x",
        **{f"cv/sr/clips/{name}.mp3": said(n, "MP3") for n, name in enumerate("abc")},
    },
    "ljspeech": {
        "LJ/metadata.csv": b'LJ-1|He paid "5|He paid "five\nLJ-2|Go on.\n',
        "LJ/README": b"x",
        "LJ/wavs/LJ-1.wav": said(0),
        "LJ/wavs/LJ-2.wav": said(1),
    },
    "kaldi": {
        "k/waves/one.wav": encode("WAV", LONG, RATE),
        "k/waves/two.wav": said(1),
        "k/data/train/wav.scp": b"one waves/one.wav\n",
        "k/data/train/segments": b"u1 one 0.5 1.25\nu2 one 1.2 -1\n",
        "k/data/train/text": b"u1 go on\nu2 he said\n",
        "k/data/train/utt2spk": b"u1 ann\nu2 bob\n",
        "k/data/train/spk2gender": b"ann f\nbob m\n",
        "k/data/train/spk2utt": b"ann u1\nbob u2\n",
        "k/data/test/wav.scp": b"two ../../waves/two.wav\n",
        "k/data/test/text": b"two stay\n",
    },
    "subtitles": {
        "t/talk.wav": encode("WAV", LONG, RATE),
        "t/talk.vtt": (
            b"WEBVTT\n\nfirst\n00:00.500 --> 00:01.250\n<v Ann>Go <i>on</i>\n\n"
            b"00:01.250 --> 00:03.000\nhe said\n"
        ),
        "t/other.wav": said(1),
    },
}

# In the order of a folder: what was said, by whom, and of which split.
ROWS: Mapping[str, list[tuple[Any, ...]]] = {
    "speech_commands": [("no", "c1", "test"), ("yes", "a1", "train"), ("yes", "b1", "validation")],
    "librispeech": [
        ("GO ON", "84", "validation"),
        ("HE SAID", "84", "validation"),
        ("NORTH", "19", "train"),
    ],
    "common_voice": [('He said "no', "u1", "train"), ("Go", "u2", "validation")],
    "ljspeech": [('He paid "five', None, None), ("Go on.", None, None)],
    "kaldi": [
        ("go on", "ann", "train"),
        ("he said", "bob", "train"),
        ("stay", None, "test"),
    ],
    "subtitles": [("Go on", "Ann", None), ("he said", None, None)],
}
LAYOUTS = tuple(CORPORA)
