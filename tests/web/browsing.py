"""What the tests of rendered pages share: a browser, a crawl, a port nobody may reach."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.export.readers import peer
from tests.web.sites import Site
from tilth.collect import crawl
from tilth.context import Context, Note
from tilth.errors import MissingError
from tilth.web.rendering import find_browser

# As root, in the container of the tests, there is no sandbox.
WITHOUT_SANDBOX = os.geteuid() == 0
SCRIPT = (("Content-Type", "text/javascript"),)
JSON = (("Content-Type", "application/json"),)


def require_browser() -> None:
    """Skip where there is none."""
    peer("playwright.async_api")
    try:
        find_browser(without_sandbox=WITHOUT_SANDBOX)
    except MissingError as error:
        pytest.skip(str(error))


@dataclass
class Listener:
    """A port of this machine that the recipe does not allow: who comes there, by TCP and by UDP."""

    port: int = 0
    came: list[str] = field(default_factory=list)


@contextmanager
def listening() -> Iterator[Listener]:
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        found = Listener(tcp.getsockname()[1])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind(("127.0.0.1", found.port))
            tcp.settimeout(0.05)
            udp.settimeout(0.05)
            over = threading.Event()

            def wait(one: socket.socket, name: str) -> None:
                while not over.is_set():
                    try:
                        if name == "tcp":
                            one.accept()[0].close()
                        else:
                            one.recvfrom(2048)
                    except TimeoutError:
                        continue
                    found.came.append(name)

            threads = [
                threading.Thread(target=wait, args=(tcp, "tcp")),
                threading.Thread(target=wait, args=(udp, "udp")),
            ]
            for thread in threads:
                thread.start()
            try:
                yield found
            finally:
                over.set()
                for thread in threads:
                    thread.join()


def settings_of(site: Site, **changes: Any) -> crawl.Settings:
    given: dict[str, Any] = {
        "start": (f"{site.root}/docs/",),
        "allow_hosts": ("127.0.0.1",),
        "sitemaps": False,
        "delay_s": 0,
        "retry_s": 0.01,
        "retries": 0,
        "timeout_s": 10,
        "render": True,
        **changes,
    }
    if given["render"]:
        given["render_without_sandbox"] = WITHOUT_SANDBOX
    return crawl.Settings(**given)


Told = list[tuple[str, str]]


def rows_of(
    site: Site, work: Path, told: Told | None = None, **changes: Any
) -> dict[str, dict[str, Any]]:
    def passes_over(place: str, reason: str) -> None:
        if told is not None:
            assert isinstance(reason, Note)
            told.append((place.removeprefix(site.root), reason))

    context = Context(work=work, passes_over=passes_over)
    batches = crawl.read(settings_of(site, **changes), "docs", context)
    rows = [row for batch in batches for row in batch.to_pylist()]
    return {row["uri"].removeprefix(site.root): row for row in rows}


def scripted(site: Site, path: str, script: str, text: str = "") -> None:
    site.html(path, text=f"{text}<script>{script}</script>")


def ends_of(rows: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Per path: kept, the rule and value, or the error."""
    ends = {}
    for path, row in rows.items():
        rule = row["drop.rule"]
        ends[path] = row["error"] or (f"{rule} {row['drop.value']}" if rule else "kept")
    return ends
