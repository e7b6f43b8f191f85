"""The demo site: complete, the same on every start, and silent about this machine."""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tilth.collect import crawl
from tilth.context import Context
from tilth.demo.pages import paragraphs
from tilth.demo.site import serve
from tilth.web import fetch

_HOST = "python-docs.localhost"

# Renders every page in a fresh process, the last first, and prints their digests.
_DIGESTS = """
import hashlib, json, sys
from tilth.demo.site import Site
site = Site()
answers = {path: site.answer(path, sys.argv[1])[1] for path in site.paths[::-1]}
print(json.dumps({path: hashlib.sha256(found).hexdigest() for path, found in answers.items()}))
"""


# What the server finds in its environment, and no page may show.
_PLANTED = {
    "HOME": "/home/quillfeather-4711",
    "USER": "quillfeather-4711",
    "HOSTNAME": "marl-and-loam-4711",
    "TMPDIR": "/tmp/humus-4711",
    "API_TOKEN": "sk-verysecret-4711",
}


@pytest.fixture(scope="module", autouse=True)
def _planted_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _PLANTED.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def root(_planted_environment: None) -> Iterator[str]:
    with serve() as (host, port):
        yield f"http://{host}:{port}"


@pytest.fixture(scope="module")
def pages(root: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Every row of a crawl of the site by path, its HTML as text."""
    settings = crawl.Settings(
        start=(f"http://{_HOST}/stdlib/", f"http://{_HOST}/numpy/"),
        allow_hosts=(_HOST,),
        serve="demo-site",
        delay_s=0,
    )
    context = Context(work=tmp_path_factory.mktemp("crawl"))
    return {
        row["uri"].removeprefix(f"http://{_HOST}"): {**row, "html": (row["html"] or b"").decode()}
        for batch in crawl.read(settings, "docs", context)
        for row in batch.to_pylist()
    }


def test_the_crawl_has_what_a_crawl_meets(pages: dict[str, dict[str, str]]) -> None:
    assert not [row for row in pages.values() if row["error"]]
    stdlib = [path for path in pages if re.fullmatch(r"/stdlib/[a-z][\w.]*\.html", path)]
    numpy = [path for path in pages if path.startswith("/numpy/numpy.")]
    assert len(stdlib) >= 250
    assert len(numpy) >= 400
    ends = {path: row["drop.rule"] for path, row in pages.items() if row["drop.rule"]}
    assert sorted(ends.values()) == [
        "http-status",
        "redirect",
        *["robots"] * 4,
        "robots-meta-noindex",
    ]
    # These stand in the sitemap only.
    assert "/stdlib/topics/with.html" in pages
    assert (
        pages["/stdlib/mirror/statistics.html"]["html"]
        == (pages["/stdlib/statistics.html"]["html"])
    )
    archived = pages["/stdlib/archive/heapq.html"]["html"]
    assert archived != pages["/stdlib/heapq.html"]["html"]
    assert "priority queue" in archived
    assert 'lang="de"' in pages["/stdlib/notice.de.html"]["html"]


def test_no_page_tells_of_this_machine(root: str, pages: dict[str, dict[str, str]]) -> None:
    packages = urllib.request.urlopen(f"{root}/packages.jsonl").read().decode()
    text = "\n".join(row["html"] for row in pages.values()) + packages
    folders = {str(Path.home()), os.getcwd(), sys.prefix, sys.base_prefix, sys.executable}
    folders.update(path for path in sys.path if path)
    words = {folder for folder in folders if len(folder) > 4} | set(_PLANTED.values())
    for name in (socket.gethostname(), getpass.getuser()):
        # A name like "root" or "localhost" is a word of the documentation too.
        if len(name) >= 10 and any(char.isdigit() for char in name):
            words.add(name)
    assert sorted(word for word in words if word in text) == []
    assert not re.search(r" at 0x[0-9a-f]{4,}", text)


def test_two_processes_render_the_same_bytes(pages: dict[str, dict[str, str]]) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", _DIGESTS, _HOST],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stderr == ""
    digests = json.loads(done.stdout)
    served = {path: row["html"].encode() for path, row in pages.items() if row["html"]}
    assert len(served) >= 650
    for path, found in served.items():
        assert digests[path] == hashlib.sha256(found).hexdigest(), path


def test_text_comes_out_in_order(pages: dict[str, dict[str, str]]) -> None:
    trafilatura = pytest.importorskip("trafilatura")
    text = trafilatura.extract(pages["/stdlib/heapq.html"]["html"])
    places = [
        text.index(line)
        for line in (
            "Heap queue algorithm (a.k.a. priority queue).",
            "item = heappop(heap) # pops the smallest item from the heap",
            "heappush(heap, item, /)",
            "Push item onto heap, maintaining the heap invariant.",
        )
    ]
    assert places == sorted(places)
    reference = trafilatura.extract(pages["/numpy/numpy.mean.html"]["html"])
    assert "Compute the arithmetic mean along the specified axis." in reference
    assert ">>> np.mean(a)" in reference
    assert "\xa0" not in reference


def test_packages(root: str, tmp_path: Path) -> None:
    path = fetch.download(
        f"http://{_HOST}/packages.jsonl",
        dest=tmp_path / "packages.jsonl",
        allow_hosts=(_HOST,),
        serve="demo-site",
    )
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    names = [row["name"].lower() for row in rows]
    assert names == sorted(names, key=lambda name: name.replace("_", "-"))
    assert {"name", "version", "summary", "text", "license"} == set(rows[0])
    numpy = next(row for row in rows if row["name"] == "numpy")
    assert "NumPy" in numpy["text"]
    assert urllib.request.urlopen(f"{root}/packages.jsonl").read() == path.read_bytes()


def test_what_is_not_there(root: str) -> None:
    for path in ("/stdlib/removed.html", "/stdlib/../etc", "/x"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(root + path)
        caught.value.close()
        assert caught.value.code == 404


def test_docstrings_as_html() -> None:
    text = "One\nline.\n\nNotes\n-----\nSee <x>.\n\n    kept   as\n    it is\n\n>>> f()\n1"
    assert paragraphs(text) == (
        "<p>One\nline.</p>\n<h4>Notes</h4>\n<p>See &lt;x&gt;.</p>\n"
        "<pre>    kept   as\n    it is</pre>\n<pre>&gt;&gt;&gt; f()\n1</pre>\n"
    )
    assert paragraphs("") == ""


_PARENT = """
import time
from tilth.demo.site import serve
with serve() as (host, port):
    print(port, flush=True)
    time.sleep(60)
"""


def test_the_server_ends_with_a_killed_parent() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return
        time.sleep(0.1)
    pytest.fail("the server outlived its parent")


def test_a_taken_port_is_told(root: str) -> None:
    port = root.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "tilth.demo.site", "--port", port],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert "error[missing]" in done.stderr
    assert "Traceback" not in done.stderr
