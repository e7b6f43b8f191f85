"""Made files of every kind of sound."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import soundfile

NOISE = np.random.default_rng(2).normal(0, 0.1, 12_000).astype(np.float32)
# Container and coding.
KINDS = {
    "WAV": ("WAV", "PCM_16"),
    "FLAC": ("FLAC", "PCM_16"),
    "Vorbis": ("OGG", "VORBIS"),
    "Opus": ("OGG", "OPUS"),
    "MP3": ("MP3", "MPEG_LAYER_III"),
}


def encode(kind: str, samples: Any = NOISE, rate: int = 16_000) -> bytes:
    out = io.BytesIO()
    container, coding = KINDS.get(kind, ("WAV", kind))
    soundfile.write(out, samples, rate, format=container, subtype=coding)
    return out.getvalue()


def m4a() -> bytes:
    """AAC in MP4, as telephones record."""
    av = pytest.importorskip("av")
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        for start in range(0, 12_000, 1000):
            frame = av.AudioFrame.from_ndarray(NOISE[None, start : start + 1000], "fltp", "mono")
            frame.sample_rate, frame.pts = 16_000, start
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return out.getvalue()


FILES = {kind: encode(kind) for kind in KINDS}
