"""Write a run's report: one HTML file that asks nothing of the network, and its numbers as JSON."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tilth.foreign import visible
from tilth.query.report import Report
from tilth.report import text
from tilth.report.card import data_card
from tilth.report.model_card import model_card
from tilth.report.page import build_page
from tilth.report.terms import book
from tilth.report.tidy import tidy
from tilth.store.files import write_bytes


def write_report(report: Report, folder: Path) -> Path:
    """Write report.html, report.json and card.md, each atomically.

    Args:
        report: The run's document.
        folder: Made if it is not there.

    Returns:
        The path of report.html.

    Raises:
        StorageError: The folder cannot be written, or the disk is full.
    """
    document = tidy(report)
    page = _render(document)
    numbers = json.dumps(document.as_json(), indent=2, ensure_ascii=False, allow_nan=False)
    # The page last: where it is, its numbers are too.
    write_bytes(folder / "report.json", f"{numbers}\n".encode())
    write_bytes(folder / "card.md", data_card(document).encode())
    write_bytes(folder / "report.html", page.encode())
    return folder / "report.html"


def write_model_card(report: Report, model: Path) -> None:
    """Write the model's card beside its weights, atomically.

    Args:
        report: The document of the run that trained it.
        model: The folder of the model, which gets README.md.

    Raises:
        StorageError: The folder cannot be written, or the disk is full.
    """
    if about := model_card(tidy(report)):
        write_bytes(model / "README.md", about.encode())


def render(report: Report) -> str:
    """The report as one self-contained HTML page."""
    return _render(tidy(report))


def _render(document: Report) -> str:
    page: str = environment().get_template("report.html.j2").render(page=build_page(document))
    return page


@functools.cache
def environment() -> Environment:
    """The templates, with every foreign text escaped and made visible."""
    made = Environment(
        loader=PackageLoader("tilth.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printed,
    )
    for filter_ in (text.count, text.number, text.percent, text.duration, text.plural):
        made.filters[filter_.__name__] = filter_
    made.globals["book"] = book
    return made


def _printed(value: Any) -> Any:
    """Whatever the template prints: markup as it is, foreign text made visible, None as a dash."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, str):
        return visible(value)
    return text.ABSENT if value is None else value
