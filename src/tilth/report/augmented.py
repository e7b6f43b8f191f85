"""The contact sheet of augmented samples as one HTML file, which asks nothing of the network."""

from __future__ import annotations

import base64
from pathlib import Path

from tilth.query.augmented import AugmentedSheet
from tilth.report.write import environment
from tilth.store.files import write_bytes
from tilth.tasks.sheet import View


def write_sheet(sheet: AugmentedSheet, path: Path) -> None:
    """Write the sheet: a row a sample, its original first, then what each epoch sees.

    Raises:
        StorageError: The file cannot be written.
    """
    page = environment().get_template("augmented.html.j2").render(sheet=sheet, uri=_uri)
    write_bytes(path, page.encode())


def _uri(view: View) -> str:
    return "data:image/png;base64," + base64.b64encode(view.png).decode() if view.png else ""
