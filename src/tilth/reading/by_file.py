"""A source whose files each give the same whatever the others hold: those known are not read.

by_file = ByFile(context, batcher, carrier, names)
for file in found:
    if by_file.is_known(file):
        yield from by_file.again()
    else:
        ...
        yield from by_file.end()
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from tilth.context import Context, FileRead
from tilth.formats.streams import SourceFile
from tilth.reading.records import Batcher

if TYPE_CHECKING:
    from tilth.reading.carry import Carrier
    from tilth.reading.named import Named


class ByFile:
    """Tells the engine of each file, and takes what it knows of one from before.

    Args:
        context: Of the source.
        batcher: Takes its rows.
        carrier: Of what its records have besides, if it has one.
        names: Fields that the recipe names, if they are looked for.
        is_on: Whether files may be known at all, as the source's settings are.
    """

    def __init__(
        self,
        context: Context,
        batcher: Batcher,
        carrier: Carrier | None = None,
        names: Named | None = None,
        *,
        is_on: bool = True,
    ) -> None:
        self._files = context.files if is_on else None
        self._passes_over = context.passes_over
        self._batcher, self._carrier, self._names = batcher, carrier, names
        self._known: FileRead | None = None

    def is_known(self, file: SourceFile) -> bool:
        """Whether what a file gives is known; it begins."""
        if self._files is None:
            return False
        self._known = self._files.begin(file.name, file.uri, self._batcher.num_rows)
        if self._known is not None and (
            self._carrier is None or self._carrier.can_know(self._known.fields)
        ):
            return True
        if self._carrier is not None:
            self._carrier.look_at()
        if self._names is not None:
            self._names.look_at()
        return False

    def other(self) -> None:
        """What follows is of no file that may be known."""
        if self._files is not None:
            self._files.begin("", "", self._batcher.num_rows)

    def again(self) -> Iterator[pa.RecordBatch]:
        """What the file gave, with all that came of it beside its rows."""
        known = self._known
        assert known is not None
        assert self._files is not None
        if self._carrier is not None:
            self._carrier.know(known.fields)
        if self._names is not None:
            self._names.saw(*known.named)
        for place, reason in known.passed():
            self._passes_over(place, reason)
        self._files.took()
        yield from self._batcher.again(known.batches())

    def end(self, *, hangs_on_none: bool = True) -> Iterator[pa.RecordBatch]:
        """A file that was read is at its end.

        Args:
            hangs_on_none: Whether what it gave is the same whatever other files hold.
        """
        if self._files is None:
            return
        fields, is_alone = ((), True) if self._carrier is None else self._carrier.looked_at()
        named = () if self._names is None else self._names.looked_at()
        self._files.read(fields, named, is_alone=is_alone and hangs_on_none)
        yield from self._batcher.end_file()
