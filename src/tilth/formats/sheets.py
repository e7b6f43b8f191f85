"""Spreadsheets (XLSX, ODS) by calamine: each sheet's first row names its columns.

Runs in a process of its own (`tilth.formats.apart`).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any, Final

from tilth.errors import NotReadError, RecordError
from tilth.formats.package import Package

_MAX_CELLS: Final = 1 << 15
_ROWS_AT_ONCE: Final = 200


def read(data: bytes, max_bytes: int) -> Iterator[Mapping[str, Any]]:
    """Of each sheet its name and columns, or why it is left alone; then its rows under `rows`.

    A row comes with its number in the sheet, from 1, and its cells: text, numbers, true or false,
    times as ISO 8601, null where it is empty.

    Args:
        data: The file.
        max_bytes: What a row may have.

    Raises:
        NotReadError: It is locked with a password.
        RecordError: It is damaged, or a bomb.
    """
    import python_calamine

    Package(data, lambda name: name.lower().endswith((".xml", ".rels")))
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(BytesIO(data))
    except python_calamine.PasswordError:
        raise NotReadError("a document that is locked with a password") from None
    except python_calamine.CalamineError as error:
        raise RecordError(f"damaged ({error})") from None
    for sheet in book.sheets_metadata:
        if sheet.typ != python_calamine.SheetTypeEnum.WorkSheet:
            yield {"sheet": sheet.name, "left": "a sheet without cells"}
        elif sheet.visible != python_calamine.SheetVisibleEnum.Visible:
            yield {"sheet": sheet.name, "left": "a hidden sheet"}
        else:
            yield from _of_sheet(book, sheet.name, max_bytes)


def _of_sheet(book: Any, name: str, max_bytes: int) -> Iterator[Mapping[str, Any]]:
    sheet = book.get_sheet_by_name(name)
    if sheet.start is None:
        yield {"sheet": name, "left": "an empty sheet"}
        return
    rows: list[Any] = []
    columns: list[str] | None = None
    # Blank ones before the first are among them.
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        if all(cell == "" for cell in cells):
            continue
        values = [_value(cell) for cell in cells]
        if columns is None:
            columns = ["" if value is None else str(value).strip() for value in values]
            yield {"sheet": name, "columns": columns[:_MAX_CELLS]}
            continue
        if sum(len(value) for value in values if isinstance(value, str)) > max_bytes:
            rows.append([number, f"above `max_record_bytes` of {max_bytes:,}"])
        else:
            rows.append([number, values[:_MAX_CELLS]])
        if len(rows) == _ROWS_AT_ONCE:
            yield {"rows": rows}
            rows = []
    if columns is None:
        yield {"sheet": name, "left": "an empty sheet"}
    if rows:
        yield {"rows": rows}


def _value(cell: Any) -> Any:
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    if isinstance(cell, datetime.timedelta):
        return cell.total_seconds()
    return None if cell == "" else cell
