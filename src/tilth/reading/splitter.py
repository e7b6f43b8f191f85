"""One record of delimited text, exactly: what the standard library's parser would read on through.

That one reads on to the next quotation mark, however many rows away, and has one global limit on
the size of a field.
"""

from __future__ import annotations

from tilth.errors import RecordError


class Splitter:
    """Splits one record into fields, line by line, for a field may hold line breaks.

    Args:
        delimiter: One character.
        quote: One character, or empty.
        is_open: Whether a quoted field of an earlier line runs on into the first one fed.
    """

    def __init__(self, delimiter: str, quote: str, *, is_open: bool = False) -> None:
        self.delimiter = delimiter
        self.quote = quote
        self.fields: list[str] = []
        self._open: list[str] | None = [] if is_open else None

    def feed(self, line: str) -> bool:
        """Take the next line (less its line break); whether the record is complete.

        Raises:
            RecordError: text stands between a closing quotation mark and the delimiter.
        """
        if self._open is None and (not self.quote or self.quote not in line):
            self.fields = line.split(self.delimiter)
            return True
        start = 0
        if self._open is not None:
            self._open.append("\n")
        while True:
            if self._open is None:
                if not line.startswith(self.quote, start):
                    end = line.find(self.delimiter, start)
                    self.fields.append(line[start:] if end < 0 else line[start:end])
                    if end < 0:
                        return True
                    start = end + 1
                    continue
                self._open, start = [], start + 1
            end = line.find(self.quote, start)
            if end < 0:
                self._open.append(line[start:])
                return False
            self._open.append(line[start:end])
            start = end + 1
            if line.startswith(self.quote, start):
                self._open.append(self.quote)
                start += 1
                continue
            self.fields.append("".join(self._open))
            self._open = None
            if start == len(line):
                return True
            if line[start] != self.delimiter:
                raise RecordError(f"text after a closing quotation mark, at character {start + 1}")
            start += 1


def first_and_rest(values: list[str], delimiter: str, width: int) -> list[str]:
    """The fields of a record whose last one is the rest of the line."""
    return [*values[: width - 1], delimiter.join(values[width - 1 :])]
