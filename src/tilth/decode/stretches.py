"""Stretches of a long recording, cut to the sample, each a sound file of its own.

The recording is decoded from its start to the last stretch, in pieces: what is held is the stretch
that is cut. Nothing is converted where the recording has whole numbers (WAV, FLAC, A-law, mu-law):
a stretch has its rate, channels and depth, as FLAC, or as WAV where FLAC cannot hold it. What has
no depth is kept as FLAC of 16 bits (MP3, OGG, M4A), or as WAV of 32-bit floats where the recording
is such a WAV, or where 16 bits would clip.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tilth.decode.sound import MOST_SAMPLES, WHOLE, SoundError, open_stream

_FLOATS: Final = ("FLOAT", "DOUBLE")
# RFC 9639, table 2 and section 9.1.3; libsndfile writes these depths.
_FLAC: Final = {8: "PCM_S8", 16: "PCM_16", 24: "PCM_24"}
_MOST_CHANNELS, _MOST_HZ = 8, 655_350
_WAV: Final = {8: "PCM_16", 16: "PCM_16", 24: "PCM_24", 32: "PCM_32"}


@dataclass(frozen=True, order=True)
class Stretch:
    """Samples [first, end) of a recording; of one channel (from 0), or of all."""

    first: int
    end: int
    channel: int | None = None


def cut_sound(data: bytes, stretches: Iterable[Stretch]) -> Iterator[bytes]:
    """A sound file for each stretch, in their order.

    Args:
        data: A sound file that was decoded whole (`check_sound`).
        stretches: By their first sample; none beyond the recording's end.

    Raises:
        SoundError: It cannot be decoded so far.
    """
    with open_stream(data, exact=True) as stream:
        window = _Window(stream.blocks)
        for stretch in stretches:
            samples = window.cut(stretch.first, stretch.end)
            if stretch.channel is not None:
                samples = np.ascontiguousarray(samples[:, stretch.channel : stretch.channel + 1])
            yield _encoded(samples, stream.rate, stream.subtype)


def fits(stretch: Stretch, channels: int) -> bool:
    """Whether a stretch is one that later steps decode."""
    return (stretch.end - stretch.first) * channels <= MOST_SAMPLES


class _Window:
    """The part of a recording that is held: blocks [samples, channels] one after another."""

    def __init__(self, blocks: Iterator[Any]) -> None:
        self._blocks = blocks
        self._held: list[Any] = []
        self._start, self._end = 0, 0

    def cut(self, first: int, end: int) -> Any:
        """Samples [first, end); what lies before them is forgotten."""
        while self._held and self._start + len(self._held[0]) <= first:
            self._start += len(self._held.pop(0))
        while self._end < end:
            block = next(self._blocks, None)
            if block is None:
                raise SoundError(f"it ends at sample {self._end:,}, before {end:,}")
            self._end += len(block)
            if self._end > first:
                self._held.append(block)
            else:
                self._start = self._end
        parts, place = [], self._start
        for block in self._held:
            parts.append(block[max(first - place, 0) : max(end - place, 0)])
            place += len(block)
        return np.concatenate(parts)


def _encoded(samples: Any, rate: int, subtype: str) -> bytes:
    import soundfile

    bits = WHOLE.get(subtype)
    if bits is None and subtype not in _FLOATS and np.abs(samples).max() <= 1:
        bits = 16
        whole = np.rint(samples * np.float32(1 << 15)).clip(-(1 << 15), (1 << 15) - 1)
        samples = whole.astype(np.int16)
    flac = _FLAC.get(bits or 0)
    if flac is not None and samples.shape[1] <= _MOST_CHANNELS and rate <= _MOST_HZ:
        kind, subtype = "FLAC", flac
    else:
        kind, subtype = "WAV", _WAV[bits] if bits else "FLOAT"
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=kind, subtype=subtype)
    return out.getvalue()
