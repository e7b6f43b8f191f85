"""`make fuzz`: so many inputs for each parser of outside bytes; what is wrong is kept in a folder.

`python -m tests.fuzz --count 20000`, or `--only picture sound` of some of them.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from pathlib import Path

from tests.fuzz.bombs import BOMBS, exploded
from tests.fuzz.parsers import PARSERS
from tests.fuzz.trial import changed, summary, tried


def main() -> int:
    """Try all; 1 where something is wrong."""
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    asked.add_argument("--count", type=int, default=20_000, help="inputs a parser")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--only", nargs="*", help="names of parsers")
    asked.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="for what is wrong")
    asked.add_argument(
        "--bombs", action="store_true", help="small inputs that ask for much instead"
    )
    given = asked.parse_args()
    names = {*BOMBS} if given.bombs else {parser.name for parser in PARSERS}
    if unknown := {*(given.only or ())} - names:
        asked.error(
            f"nothing is called {', '.join(sorted(unknown))}; one of {', '.join(sorted(names))}"
        )
    if given.bombs:
        return _bombs(given.only)
    print(f"{datetime.datetime.now():%Y-%m-%d %H:%M} --count {given.count} --seed {given.seed}")
    wrong = total = 0
    for parser in PARSERS:
        if given.only and parser.name not in given.only:
            continue
        found = tried(parser, range(given.count), given.seed)
        print(summary(parser.name, found), flush=True)
        wrong, total = wrong + len(found.wrong), total + found.tried
        for number, told in found.wrong.items():
            path = given.keep / parser.name / f"{given.seed}-{number}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(changed(parser.seeds(), number, given.seed))
            print(f"  {path}: {told}", flush=True)
    print(f"{total:,} tried in all, {wrong:,} wrong")
    return int(wrong > 0)


def _bombs(only: list[str] | None) -> int:
    wrong = 0
    parsers = {parser.name: parser for parser in PARSERS}
    print(f"{datetime.datetime.now():%Y-%m-%d %H:%M} --bombs")
    for name, bomb in BOMBS.items():
        if only and name not in only:
            continue
        found = exploded(bomb, parsers)
        told = next(iter(found.wrong.values()), "")
        wrong += bool(found.wrong)
        print(f"{name:28} {found.most_s:6.2f} s {found.most_bytes >> 20:6} MiB  {told}", flush=True)
    print(f"{len(only or BOMBS)} tried in all, {wrong} wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
