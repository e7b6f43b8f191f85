"""BLAKE2b of many records at once, and white space made one: what ids and keys are made of.

A processor computes four digests side by side in the time of little more than one, as BLAKE2b is
sums, exclusive ors and rotations of words of 64 bits; so four records go through together, each in
a lane of its own, and where one ends the next takes its lane.

Source: RFC 7693, "The BLAKE2 Cryptographic Hash and Message Authentication Code"; without a key,
16 bytes long. White space is what `str.split` takes for it: Unicode's, and four controls of ASCII.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from tilth.kernels.characters import Bytes, Integers

_LANES: Final = 4
_BLOCK: Final = 128
_SIZE: Final = 16
_ROUNDS: Final = 12
_IV: Final = (
    *(0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1),
    *(0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179),
)
_SIGMA: Final = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    (14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3),
    (11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4),
    (7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8),
    (9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13),
    (2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9),
    (12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11),
    (13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10),
    (6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5),
    (10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0),
)
_COLUMNS_AND_DIAGONALS: Final = (
    *((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)),
    *((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)),
)
# The state before the first block: its first word says how long the digest is, and that there is
# no key and no tree (RFC 7693, section 2.5).
_FIRST: Final = np.array([_IV[0] ^ 0x01010000 ^ _SIZE, *_IV[1:]], np.uint64)
_HEX: Final = np.frombuffer(b"0123456789abcdef", np.uint8)
# Bytes of messages that are laid out at a time: they stay in the processor's second cache.
_AT_ONCE: Final = 1 << 17
_ALL: Final = np.uint64(0xFFFFFFFFFFFFFFFF)

_LETTER, _SPACE, _WIDE = 0, 1, 2
_KINDS: Final = np.array(
    [
        _SPACE if byte == 32 or 9 <= byte <= 13 or 28 <= byte <= 31 else _LETTER
        for byte in range(256)
    ],
    np.uint8,
)
# First bytes of the white space that has more than one in UTF-8.
_KINDS[[0xC2, 0xE1, 0xE2, 0xE3]] = _WIDE


def named_digests(begin: bytes, names: Strings, payloads: Strings) -> Bytes:
    """The digest of each record's name and payload, as `schema.sample_id` makes it.

    Args:
        begin: What stands before the name.
        names: UTF-8 bytes, uint8 [n], and offsets of the records, int64 [d + 1].
        payloads: Bytes and offsets likewise.

    Returns:
        32 digits of hexadecimal each, one after another, uint8 [32 * d].
    """
    return _digests(begin, payloads, names)


def word_digests(begin: bytes, texts: Strings) -> Bytes:
    """The digest of each text, its runs of white space one space and none at its ends.

    Args:
        begin: What stands before the text.
        texts: UTF-8 bytes, uint8 [n], and offsets of the texts, int64 [d + 1].

    Returns:
        As `named_digests`.
    """
    return _digests(begin, texts, None)


def _digests(begin: bytes, payloads: Strings, names: Strings | None) -> Bytes:
    data, offsets = _read_only(payloads[0]), payloads[1]
    sizes = np.diff(offsets) + 8 + len(begin)
    if names is not None:
        sizes += np.diff(names[1]) + 8
    # Messages end where a block does.
    ends = np.cumsum(-(-sizes // _BLOCK) * _BLOCK)
    room = max(_AT_ONCE, int(np.max(np.diff(ends, prepend=0), initial=0)))
    whole, found = np.empty(room, np.uint8), np.empty(32 * len(sizes), np.uint8)
    begun = np.frombuffer(begin, np.uint8)
    row = 0
    while row < len(sizes):
        # Of as many records as there is room for.
        before = int(ends[row - 1]) if row else 0
        stop = int(np.searchsorted(ends, before + room, side="right"))
        part = slice(row, stop + 1)
        if names is None:
            starts, filled = _fill_words(whole, begun, data, offsets[part], _KINDS)
        else:
            told = _read_only(names[0]), names[1][part]
            starts, filled = _fill(whole, begun, *told, data, offsets[part])
        _hash(whole, starts, filled, _FIRST, _HEX, found[32 * row :])
        row = stop
    return found


def _read_only(data: Bytes) -> Bytes:
    """As Arrow's buffers are: a kernel is compiled for each kind of array."""
    found = data.view()
    found.flags.writeable = False
    return found


# Bytes one after another, and where each begins and the last ends.
Strings = tuple[Bytes, Integers]


def plain_named_digests(begin: bytes, names: Sequence[bytes], payloads: Sequence[bytes]) -> bytes:
    """The plain twin."""
    return b"".join(
        _plain(begin + _part(name) + _part(payload))
        for name, payload in zip(names, payloads, strict=True)
    )


def plain_word_digests(begin: bytes, texts: Sequence[str]) -> bytes:
    """The plain twin."""
    return b"".join(_plain(begin + _part(" ".join(text.split()).encode())) for text in texts)


def _plain(message: bytes) -> bytes:
    return hashlib.blake2b(message, digest_size=_SIZE).hexdigest().encode()


def _part(data: bytes) -> bytes:
    return len(data).to_bytes(8, "little") + data


@intrinsic
def _compress(_: Any, state: Any, data: Any, starts: Any, counts: Any, lasts: Any) -> Any:
    """One block of each lane, RFC 7693, section 3.2, in vectors of a word of each.

    Args:
        state: uint64 [8 * lanes], changed in place.
        data: uint8; from each of `starts` on there are 128 bytes.
        starts: Where each lane's block begins, int64 [lanes].
        counts: Bytes of its message up to the block's end, uint64 [lanes].
        lasts: All ones where the block is the last one, uint64 [lanes].
    """
    word, vector = ir.IntType(64), ir.VectorType(ir.IntType(64), _LANES)

    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        def pointer(number: int) -> Any:
            kind = signature.args[number]
            return context.make_array(kind)(context, builder, given[number]).data

        def vector_at(place: Any, number: int = 0) -> Any:
            # Numba's arrays begin at any multiple of 8.
            place = builder.bitcast(place, vector.as_pointer())
            found = builder.load(builder.gep(place, [ir.Constant(word, number)]))
            found.align = 8
            return found

        def of(value: int) -> Any:
            return ir.Constant(vector, [ir.Constant(word, value)] * _LANES)

        def rotated(value: Any, by: int) -> Any:
            return builder.or_(builder.lshr(value, of(by)), builder.shl(value, of(64 - by)))

        def blocks() -> list[Any]:
            lanes = []
            for lane in range(_LANES):
                start = builder.load(builder.gep(pointer(2), [ir.Constant(word, lane)]))
                lanes.append(builder.bitcast(builder.gep(pointer(1), [start]), word.as_pointer()))
            found = []
            for number in range(16):
                one = ir.Constant(vector, ir.Undefined)
                for lane, place in enumerate(lanes):
                    part = builder.load(builder.gep(place, [ir.Constant(word, number)]))
                    part.align = 1
                    one = builder.insert_element(one, part, ir.Constant(ir.IntType(32), lane))
                found.append(one)
            return found

        message = blocks()
        before = [vector_at(pointer(0), number) for number in range(8)]
        v = [*before, *map(of, _IV)]
        v[12] = builder.xor(v[12], vector_at(pointer(3)))
        v[14] = builder.xor(v[14], vector_at(pointer(4)))
        for turn in range(_ROUNDS):
            sigma = _SIGMA[turn % len(_SIGMA)]
            for step, (a, b, c, d) in enumerate(_COLUMNS_AND_DIAGONALS):
                for half, (far, near) in enumerate(((32, 24), (16, 63))):
                    told = message[sigma[2 * step + half]]
                    v[a] = builder.add(builder.add(v[a], v[b]), told)
                    v[d] = rotated(builder.xor(v[d], v[a]), far)
                    v[c] = builder.add(v[c], v[d])
                    v[b] = rotated(builder.xor(v[b], v[c]), near)
        place = builder.bitcast(pointer(0), vector.as_pointer())
        for number in range(8):
            after = builder.xor(before[number], builder.xor(v[number], v[number + 8]))
            stored = builder.store(after, builder.gep(place, [ir.Constant(word, number)]))
            stored.align = 8
        return context.get_dummy_value()

    return types.void(state, data, starts, counts, lasts), build


@njit(cache=True, nogil=True)
def _fill(whole, begin, names, name_offsets, data, offsets):  # type: ignore[no-untyped-def]
    """The messages of names and payloads; where each begins, and its length."""
    num_rows = offsets.size - 1
    starts, sizes = np.empty(num_rows, np.int64), np.empty(num_rows, np.int64)
    at = 0
    for row in range(num_rows):
        end = _put(whole, at, begin)
        name = names[name_offsets[row] : name_offsets[row + 1]]
        payload = data[offsets[row] : offsets[row + 1]]
        end = _put(whole, _put_length(whole, end, name.size), name)
        end = _put(whole, _put_length(whole, end, payload.size), payload)
        starts[row], sizes[row] = at, end - at
        at = _end_block(whole, at, end)
    return starts, sizes


@njit(cache=True, nogil=True)
def _fill_words(whole, begin, data, offsets, kinds):  # type: ignore[no-untyped-def]
    """The messages of texts, with one space for each run of white space; likewise."""
    num_rows = offsets.size - 1
    starts, sizes = np.empty(num_rows, np.int64), np.empty(num_rows, np.int64)
    at = 0
    for row in range(num_rows):
        length_at = _put(whole, at, begin)
        room = whole[length_at + 8 :]
        text = data[offsets[row] : offsets[row + 1]]
        size = _put_words(room, text, kinds)
        end = _put_length(whole, length_at, size) + size
        starts[row], sizes[row] = at, end - at
        at = _end_block(whole, at, end)
    return starts, sizes


@njit(cache=True, nogil=True)
def _put_length(whole, at, size):  # type: ignore[no-untyped-def]
    for byte in range(8):
        whole[at + byte] = (size >> (8 * byte)) & 0xFF
    return at + 8


@njit(cache=True, nogil=True)
def _put(whole, at, data):  # type: ignore[no-untyped-def]
    room = whole[at : at + data.size]
    for number in range(data.size):
        room[number] = data[number]
    return at + data.size


@njit(cache=True, nogil=True)
def _end_block(whole, at, end):  # type: ignore[no-untyped-def]
    size = -(-(end - at) // _BLOCK) * _BLOCK
    whole[end : at + size] = 0
    return at + size


@njit(cache=True, nogil=True)
def _put_words(room, text, kinds):  # type: ignore[no-untyped-def]
    # Numbers without a sign, for which Numba does not ask whether they count from the end; and
    # no branch at a space, since where words end cannot be foretold.
    at, one = np.uint64(0), np.uint64(1)
    was_space = one
    here, end = at, np.uint64(text.size)
    while here < end:
        byte = text[here]
        is_space = np.uint64(kinds[byte])
        if is_space == _WIDE:
            width = np.uint64(_width(text, here))
            is_space = np.uint64(width > 0)
            here += width - is_space
        here += one
        room[at] = np.uint8(32) if is_space else byte
        # There is none at the beginning either.
        at += one - (is_space & was_space)
        was_space = is_space
    if at > 0 and was_space:
        at -= one
    return np.int64(at)


@njit(cache=True, nogil=True)
def _width(data, at):  # type: ignore[no-untyped-def]
    """Bytes of the white space of more than one that begins here; 0: it is none."""
    at, end = np.int64(at), data.size
    first = data[at]
    second = data[at + 1] if at + 1 < end else np.uint8(0)
    if first == 0xC2:
        return 2 if second == 0x85 or second == 0xA0 else 0
    third = data[at + 2] if at + 2 < end else np.uint8(0)
    if first == 0xE1:
        return 3 if second == 0x9A and third == 0x80 else 0
    if first == 0xE3:
        return 3 if second == 0x80 and third == 0x80 else 0
    if second == 0x81:
        return 3 if third == 0x9F else 0
    is_end = 0x80 <= third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF
    return 3 if second == 0x80 and is_end else 0


@njit(cache=True, nogil=True)
def _hash(data, starts, sizes, first, digits, found):  # type: ignore[no-untyped-def]
    state = np.empty(8 * _LANES, np.uint64)
    begins, done = np.zeros(_LANES, np.int64), np.zeros(_LANES, np.int64)
    counts, lasts = np.zeros(_LANES, np.uint64), np.zeros(_LANES, np.uint64)
    rows = np.full(_LANES, -1, np.int64)
    # Lanes that have no record any more hash what nobody asks for.
    taken, num_left = 0, starts.size
    while num_left:
        for lane in range(_LANES):
            if rows[lane] < 0 and taken < starts.size:
                rows[lane], done[lane] = taken, 0
                taken += 1
                for number in range(8):
                    state[number * _LANES + lane] = first[number]
            row = rows[lane]
            if row >= 0:
                begins[lane] = starts[row] + done[lane]
                done[lane] = min(done[lane] + _BLOCK, sizes[row])
                counts[lane] = done[lane]
                lasts[lane] = _ALL if done[lane] == sizes[row] else np.uint64(0)
        _compress(state, data, begins, counts, lasts)
        for lane in range(_LANES):
            row = rows[lane]
            if row >= 0 and lasts[lane]:
                for number in range(_SIZE):
                    byte = state[number // 8 * _LANES + lane] >> np.uint64(8 * (number % 8))
                    place = 32 * row + 2 * number
                    found[place] = digits[(byte >> np.uint64(4)) & np.uint64(15)]
                    found[place + 1] = digits[byte & np.uint64(15)]
                rows[lane] = -1
                num_left -= 1
