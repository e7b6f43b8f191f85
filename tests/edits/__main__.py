"""Try sequences of edits by hand.

python -m tests.edits --sequences 500      as many at random; --seed: from another one on
python -m tests.edits --each               every edit by itself, against the list of faults
python -m tests.edits --modality records --moves 'edit:a row more:0:0:0' ...
                                           this one, as a failure prints it
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence as Many
from dataclasses import replace
from pathlib import Path

from tests.edits.faults import FAULTS
from tests.edits.modalities import MODALITIES
from tests.edits.nursery import Nursery
from tests.edits.sequence import (
    DAMAGES,
    FailedError,
    Known,
    Move,
    Sequence,
    drawn,
    is_of_files,
)
from tests.edits.workspace import Modality
from tests.web.sites import Site, running


def try_moves(
    modality: Modality, moves: Many[Move], nursery: Nursery, known: Known
) -> FailedError | None:
    """Make a sequence; returns what it found."""
    sequence = Sequence(modality, nursery, known)
    try:
        sequence.begin()
        for move in moves:
            at = move.at or sequence.middle(move.name) if move.kind == "meanwhile" else move.at
            sequence.make(replace(move, at=at))
    except FailedError as error:
        return error
    return None


def shrunk(modality: Modality, moves: list[Move], nursery: Nursery, known: Known) -> list[Move]:
    """A shorter sequence that fails as well: none of its moves can be left out."""
    at = 0
    while at < len(moves):
        fewer = moves[:at] + moves[at + 1 :]
        if try_moves(modality, fewer, nursery, known) is not None:
            moves = fewer
        else:
            at += 1
    return moves


def sequence_of(seed: int, only: str = "") -> tuple[Modality, list[Move]]:
    """The sequence of a seed.

    Args:
        seed: Of it.
        only: The modality; empty: drawn too.
    """
    chance = random.Random(seed)
    shares = [one.share for one in MODALITIES.values()]
    (modality,) = chance.choices(list(MODALITIES.values()), shares)
    modality = MODALITIES.get(only, modality)
    return modality, drawn(modality, chance, FAULTS.get(modality.name, {}))


def told(modality: Modality, moves: Many[Move], error: FailedError) -> str:
    """A failure, with the command that makes it again."""
    again = " ".join(f"'{move}'" for move in moves)
    return f"{error}\n  python -m tests.edits --modality {modality.name} --moves {again}"


def tried(seed: int, only: str, nursery: Nursery, known: Known) -> str:
    """Try the sequence of a seed; returns what is to be said of it, or nothing."""
    modality, moves = sequence_of(seed, only)
    error = try_moves(modality, moves, nursery, known)
    if error is None:
        return ""
    moves = shrunk(modality, moves, nursery, known)
    error = try_moves(modality, moves, nursery, known) or error
    return f"sequence {seed}: {told(modality, moves, error)}"


def single(modality: Modality) -> dict[str, list[list[Move]]]:
    """What is tried of each edit and each damage by itself, by the name in the list of faults."""
    found: dict[str, list[list[Move]]] = {}
    for one in modality.edits:
        made = Move("edit", one.name)
        found[one.name] = [[made, made]]
        if is_of_files(modality, one.name):
            found[f"{one.name}, meanwhile"] = [
                [Move("empty"), Move("meanwhile", one.name, at, until)]
                for at, until in ((1, -1), (0, 0), (0, -1))
            ]
            found[f"{one.name}, in one process"] = [[Move("twice", one.name)]]
    found["a run killed"] = [
        [Move("empty"), Move("kill", at=1 + modality.points * part // 4)] for part in range(4)
    ]
    found["what is unused removed"] = [
        [Move("edit", one.name), Move("tidy"), Move("edit", one.name)] for one in modality.edits[:3]
    ]
    found["a run that ends with a step"] = [
        [Move("only", one.name, step=step)]
        for step, one in enumerate(modality.edits)
        if step % 9 == 0 and not one.process
    ]
    for name in DAMAGES:
        found[name] = [[Move("damage", name, step=step) for step in (0, 2, 4, 6)]]
    return found


def each(modality: Modality, only: str, nursery: Nursery, known: Known) -> int:
    """Try each edit by itself, and say how it went; returns where the list of faults is wrong."""
    if error := try_moves(modality, [], nursery, known):
        print(f"{modality.name}, as it is: {error}")
        return 1
    wrong = 0
    listed = FAULTS.get(modality.name, {})
    for name, ways in single(modality).items():
        if only not in name:
            continue
        errors = [
            (error.kind, told(modality, moves, error))
            for moves in ways
            if (error := try_moves(modality, moves, nursery, known)) is not None
        ]
        alone = known.fresh.get((modality.name, (name,)))
        if alone is not None and alone.error:
            print(f"NO EDIT: {modality.name}: {name}: nothing can be run: {alone.error}")
        kind = ", ".join(sorted({kind for kind, _ in errors}))
        if kind == listed.get(name, ""):
            print(f"as listed  {modality.name}: {name}: {kind or 'right'}", flush=True)
            continue
        wrong += 1
        print(f"NOT LISTED {modality.name}: {name}: {kind or 'has come right'}")
        for _, text in errors[:2]:
            print(f"    {text}", flush=True)
    return wrong


def main() -> int:
    """As the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=30, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the first")
    parser.add_argument("--modality", default="", choices=["", *MODALITIES])
    parser.add_argument("--each", action="store_true", help="every edit by itself")
    parser.add_argument("--only", default="", help="with --each: names that have this in them")
    parser.add_argument("--moves", nargs="+", help="one sequence, as it was printed")
    asked = parser.parse_args()
    chosen = [MODALITIES[asked.modality]] if asked.modality else list(MODALITIES.values())
    began, wrong = time.monotonic(), 0
    with (
        Nursery() as nursery,
        tempfile.TemporaryDirectory(prefix="edits") as folder,
        running(Site()) as site,
    ):
        known = Known(Path(folder), site)
        if asked.moves:
            moves = [Move.read(text) for text in asked.moves]
            error = try_moves(chosen[0], moves, nursery, known)
            wrong = int(error is not None)
            print("right" if error is None else told(chosen[0], moves, error))
        elif asked.each:
            for modality in chosen:
                wrong += each(modality, asked.only, nursery, known)
        else:
            for seed in range(asked.seed, asked.seed + asked.sequences):
                found = tried(seed, asked.modality, nursery, known)
                wrong += bool(found)
                print(found or f"sequence {seed}: right", flush=True)
        print(
            f"{known.looked_at} runs compared with one from nothing; "
            f"{known.refused} refused, as from nothing"
        )
    print(f"{wrong} found wrong; {time.monotonic() - began:.0f} s")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
