"""A stranger's sound, decoded whole and within bounds, and as a person hears it: one channel.

What is heard is the mean of the channels. Where they cancel each other, as the two of a cable that
was plugged in the wrong way do, be it for a part of the recording, it is the loudest of them. A
recording that goes above full scale
is divided by its peak. MP3 has no checksums: where its middle was overwritten, it sounds as it
then does.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tilth.context import Note
from tilth.decode.containers import SoundError as SoundError
from tilth.decode.containers import kind_of, require_whole

# What a recording may have, all channels together: 512 MiB of them.
MOST_SAMPLES: Final = 1 << 27
_LEAST_HZ, _MOST_HZ = 1000, 768_000
_MOST_CHANNELS: Final = 64
_AT_ONCE: Final = 1 << 16
# What channels that have nothing to do with each other leave of their mean's energy is 1 / channels
# of theirs; of what is mixed, so much of that must be left in a stretch of so many samples, of a
# short clip in an eighth of it, 64 ms of a telephone's at least; and of all energy, so much may lie
# in stretches where less is.
_LEFT: Final = 0.5
_STRETCH: Final = 1 << 13
_LEAST_STRETCH: Final = 1 << 9
_MAY_CANCEL: Final = 0.1
# What libsndfile calls samples that are whole numbers, and their bits.
WHOLE: Final = {
    "PCM_S8": 8,
    "PCM_U8": 8,
    "PCM_16": 16,
    "ALAW": 16,
    "ULAW": 16,
    "PCM_24": 24,
    "PCM_32": 32,
}
# A symbol of a transcript needs this long at least: 50 a second, which nobody says.
SYMBOL_S: Final = 0.02

# What is not heard as it is in a recording that is kept.
CANCELLED: Final = Note("recording whose channels cancel each other, heard by its loudest")
ABOVE: Final = Note("recording above full scale, divided by its peak")
AFTER: Final = "bytes behind the end of the sound"

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sound:
    """What a whole sound file holds.

    Attributes:
        kind: WAV, FLAC, OGG, MP3 or M4A.
        sample_rate: Samples a second.
        channels: Of each sample.
        samples: How many, a channel.
        peak: Largest absolute value of what is heard; 1 is full scale.
        loudest: The only channel that is heard, where they cancel each other; -1: their mean.
        after: Bytes of the file behind the sound that are neither of it nor notes.
    """

    kind: str
    sample_rate: int
    channels: int
    samples: int
    peak: float
    loudest: int
    after: int = 0

    @property
    def unheard(self) -> tuple[str, ...]:
        """What of its file is not heard as it is there."""
        found = {CANCELLED: self.loudest >= 0, ABOVE: self.peak > 1, AFTER: self.after > 0}
        return tuple(part for part, is_so in found.items() if is_so)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.samples / self.sample_rate


def check_sound(data: bytes, most: int | None = None) -> Sound:
    """Decode a file of sound and throw the samples away, in bounded memory.

    Args:
        data: All of it.
        most: Samples that it may have, all channels together; None: `MOST_SAMPLES`.

    Raises:
        SoundError: It is none, is cut off or damaged, holds nothing, or has a value that is no
            number; or it is M4A, and the extra `m4a` is not installed.
    """
    with open_stream(data) as stream:
        mixed = _Mix(stream.channels, most)
        for block in stream.blocks:
            mixed.add(block)
        return mixed.sound(stream)


def decode_sound(data: bytes) -> tuple[Samples, int]:
    """What is heard, float32 [samples] between -1 and 1, and its samples a second.

    Raises:
        SoundError: As of `check_sound`.
    """
    with open_stream(data) as stream:
        mixed = _Mix(stream.channels)
        parts = [(mixed.add(block), block) for block in stream.blocks]
        sound = mixed.sound(stream)
    loudest = sound.loudest
    channels = [mean if loudest < 0 else block[:, loudest] for mean, block in parts]
    heard = channels[0] if len(channels) == 1 else np.concatenate(channels, dtype=np.float32)
    heard = np.ascontiguousarray(heard, np.float32)
    if sound.peak > 1:
        heard = heard / np.float32(sound.peak)
    return heard, stream.rate


def seconds_of(text: str) -> float:
    """What saying a text takes at least: `SYMBOL_S` each character, and between two equal ones."""
    equal = sum(one == other for one, other in pairwise(text))
    return SYMBOL_S * (len(text) + equal)


class _Mix:
    """Energies and peaks of the channels and of their mean, block by block."""

    def __init__(self, channels: int, most: int | None = None) -> None:
        self._most = MOST_SAMPLES if most is None else most
        self._energies = np.zeros(channels)
        self._peaks = np.zeros(channels)
        self._cancelled, self._mean_peak, self.samples = 0.0, 0.0, 0

    def add(self, block: Samples) -> Samples:
        """Take float32 [samples, channels]; gives their mean, [samples].

        Raises:
            SoundError: There are too many by now, or one is no number.
        """
        self.samples += len(block)
        if self.samples * block.shape[1] > self._most:
            raise SoundError(f"more than {self._most:,} samples")
        # By channel: a sum over so few values that lie side by side takes ten times as long.
        planes = np.ascontiguousarray(block.T)
        peaks = np.maximum(planes.max(axis=1), -planes.min(axis=1))
        if not np.isfinite(peaks).all():
            raise SoundError("a sample that is no number")
        self._peaks = np.maximum(self._peaks, peaks)
        if len(planes) == 1:
            only: Samples = planes[0]
            return only
        mean: Samples = planes.mean(axis=0)
        self._mean_peak = max(self._mean_peak, float(mean.max()), -float(mean.min()))
        stretch = min(max(-(-len(block) // 8), _LEAST_STRETCH), _STRETCH)
        energies = np.array([_energies(plane, stretch) for plane in planes])
        least = _LEFT / len(planes) * energies.mean(axis=0)
        self._energies += energies.sum(axis=1)
        self._cancelled += float(energies[:, _energies(mean, stretch) < least].sum())
        return mean

    def sound(self, stream: Stream) -> Sound:
        """What it came to.

        Raises:
            SoundError: There is no sample, or not as many as the header says.
        """
        if not self.samples:
            raise SoundError(f"{stream.kind} without a single sample")
        if stream.expected is not None and self.samples != stream.expected:
            raise SoundError(f"it says {stream.expected:,} samples, and {self.samples:,} are there")
        channels, loudest = len(self._energies), -1
        if channels > 1 and self._cancelled > _MAY_CANCEL * float(self._energies.sum()):
            loudest = int(self._energies.argmax())
        peak = self._mean_peak if channels > 1 and loudest < 0 else float(self._peaks[loudest])
        return Sound(stream.kind, stream.rate, channels, self.samples, peak, loudest, stream.after)


def _energies(samples: Samples, stretch: int) -> npt.NDArray[np.float64]:
    """Sums of squares of a plane's stretches, float64 [stretches]."""
    squares = np.square(samples, dtype=np.float64)
    return np.add.reduceat(squares, np.arange(0, len(samples), stretch))


@dataclass(frozen=True)
class Stream:
    """A file that is being decoded.

    Attributes:
        blocks: [samples, channels]; float32, or int32 with the sample in its upper bits.
        subtype: How libsndfile calls what a sample is; empty: it does not read the file.
        after: Bytes behind the sound that are neither of it nor notes.
    """

    kind: str
    rate: int
    channels: int
    expected: int | None
    blocks: Iterator[Samples]
    subtype: str = ""
    after: int = 0


@contextmanager
def open_stream(data: bytes, *, exact: bool = False) -> Iterator[Stream]:
    """The blocks of a sound, once its container was gone through.

    Args:
        data: All of it.
        exact: Give samples that are whole numbers in the file as these.

    Raises:
        SoundError: As of `check_sound`, of a number of samples that it does not say apart.
    """
    kind = kind_of(data)
    data, expected, after = require_whole(data, kind)
    opened = (
        _by_av(data, kind, expected)
        if kind == "M4A"
        else _by_soundfile(data, kind, expected, exact=exact)
    )
    with opened as found:
        stream = replace(found, after=after)
        if not _LEAST_HZ <= stream.rate <= _MOST_HZ:
            raise SoundError(
                f"{stream.rate:,} Hz, which is not between {_LEAST_HZ:,} and {_MOST_HZ:,}"
            )
        if not 1 <= stream.channels <= _MOST_CHANNELS:
            raise SoundError(f"{stream.channels} channels, more than {_MOST_CHANNELS}")
        yield stream


@cache
def _forward() -> Any:
    """soundfile's reader, from beginning to end: MP3 is another sound from where one was sought."""
    import soundfile

    class Forward(soundfile.SoundFile):
        def seekable(self) -> bool:
            return False

    return Forward


@contextmanager
def _by_soundfile(data: bytes, kind: str, expected: int | None, *, exact: bool) -> Iterator[Stream]:
    import soundfile

    def blocks(file: Any) -> Iterator[Samples]:
        dtype = "int32" if exact and file.subtype in WHOLE else "float32"
        # As many as there should be and one more: what libsndfile is asked for in vain it fills
        # with zeros.
        left = _AT_ONCE if expected is None else expected
        while len(block := file.read(min(left + 1, _AT_ONCE), dtype=dtype, always_2d=True)):
            yield block
            if expected is not None:
                left = max(left - len(block), 0)

    try:
        with _forward()(io.BytesIO(data)) as file:
            rate, channels = file.samplerate, file.channels
            yield Stream(kind, rate, channels, expected, blocks(file), file.subtype)
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        told = getattr(error, "error_string", "") or str(error) or type(error).__name__
        raise SoundError(f"damaged: {kind} that cannot be decoded: {told[:120]}") from None


def reads_m4a() -> bool:
    """Whether the extra for it is installed."""
    try:
        import av  # noqa: F401
    except ImportError:
        return False
    return True


@contextmanager
def _by_av(data: bytes, kind: str, expected: int | None) -> Iterator[Stream]:
    if not reads_m4a():
        raise SoundError("M4A is read with the extra `m4a`: pip install 'tilth[m4a]'")
    import av

    def blocks(container: Any, stream: Any) -> Iterator[Samples]:
        for frame in container.decode(stream):
            values = frame.to_ndarray()
            if not values.size:
                continue
            if not frame.format.is_planar:
                values = values.reshape(-1, stream.channels).T
            if values.dtype.kind == "i":
                values = values / np.float64(1 << 8 * values.dtype.itemsize - 1)
            yield np.ascontiguousarray(values.T, np.float32)

    try:
        with av.open(io.BytesIO(data), format="mp4") as container:
            found = container.streams.audio
            if len(found) != 1:
                raise SoundError(f"an MP4 with {len(found)} streams of sound")
            rate, channels = found[0].rate, found[0].channels
            yield Stream(kind, rate, channels, expected, blocks(container, found[0]))
    except (av.FFmpegError, ValueError) as error:
        if isinstance(error, SoundError):
            raise
        raise SoundError(f"damaged: {kind} that cannot be decoded: {str(error)[:120]}") from None
