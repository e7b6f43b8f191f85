"""Nothing private in what people share: planted everywhere, and every byte of a run is searched."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest

import tilth
from tests.web.sites import Reply, Site, redirect, running
from tilth.errors import RecipeError, TilthError

_EMAIL, _PHONE, _CARD, _IP = (
    "greta.holm@mailbox.se",
    "(541) 714-1388",
    "4111 1111 1111 1111",
    "93.184.216.34",
)
_PERSONAL = f"{_EMAIL}, {_PHONE}, {_CARD}, {_IP}"
# What the recipe names, and where the value is.
_IN_URL, _IN_HEADER, _IN_FILE = "Tok3nInTheUrl7781", "H3aderSecret9924", "F1leSecret6613"
# What strangers' addresses give away: in links, redirects, rows and a sitemap.
_STRANGERS = ("strangeruser", "StrangerPass55", "StrangerTok66", "StrangerSig77")
# Spelt as addresses and file names spell them.
_ENCODED_EMAIL, _SOLID_CARD, _DASHED_PHONE, _IBAN = (
    "greta.holm%40mailbox.se",
    "4111111111111111",
    "541-714-1388",
    "DE89370400440532013000",
)
_IN_ADDRESSES = (_ENCODED_EMAIL, _SOLID_CARD, _DASHED_PHONE, _IBAN, "RefreshTok88", "SessionId99")
_ANNOTATORS = (_EMAIL, "per.ek@mailbox.se", "x.y@mailbox.se")
_PAGE = "Fields of barley and rye stand along the road to the old mill by the river. " * 12

_RECIPE = """
tilth: 1
name: private
error_budget: 1
collect:
  site:
    crawl:
      start: ["{root}/?token=${{PLANTED_TOKEN}}"]
      headers: {{Authorization: "Bearer ${{PLANTED_HEADER}}"}}
      allow_hosts: [127.0.0.1]
      delay_s: 0
      retries: 0
  rows:
    jsonl:
      url: "{root}/rows.jsonl?access_token=${{PLANTED_TOKEN}}"
      headers: {{X-Api-Key: "${{file:{secret_file}}}"}}
      allow_hosts: [127.0.0.1]
      fields: {{uri: address, split: part, license: terms}}
  crowd:
    label_studio: {{path: "{folder}/crowd.json"}}
  files:
    text_file: {{path: "{folder}/files"}}
clean:
  - extract
  - signals: {{names: [word_count]}}
  - rules: {{where: ["word_count >= {words}"]}}
  - redact
label: [consensus]
mix:
  - weights: {{}}
"""


def _personal_addresses() -> tuple[str, ...]:
    user = quote("http://bob:StrangerPass55@h/", safe="")
    return (
        f"/a?email={_ENCODED_EMAIL}",
        f"/b/{_SOLID_CARD}",
        f"/c?tel={_DASHED_PHONE}",
        f"/d/{_DASHED_PHONE}",
        f"/e/{_IBAN}",
        "/f;jsessionid=SessionId99?refreshToken=RefreshTok88",
        f"/g?u={user}",
    )


def _plant_files(folder: Path) -> None:
    """Annotators and a label called by their addresses; files called after people and numbers."""
    answers = [
        {
            "id": number,
            "data": {"text": f"{_PAGE} And {number * 7}."},
            "annotations": [
                {
                    "completed_by": {"email": who},
                    "result": [
                        {
                            "from_name": "c",
                            "to_name": "t",
                            "type": "choices",
                            "value": {"choices": [_EMAIL if (number + place) % 3 else "no"]},
                        }
                    ],
                }
                for place, who in enumerate(_ANNOTATORS)
            ],
        }
        for number in range(30)
    ]
    (folder / "crowd.json").write_text(json.dumps(answers))
    (folder / "files" / _EMAIL).mkdir(parents=True)
    (folder / "files" / _EMAIL / f"{_SOLID_CARD}-0.txt").write_bytes(b"\xff\xfe\x00bad\x80")
    (folder / "files" / _EMAIL / f"{_CARD}.txt").write_text("Short.")
    (folder / "files" / "long.txt").write_text(_PAGE)


def _plant(site: Site, other: Site) -> None:
    """Pages, failures and rows that hold one of each, and a server that sends back what it got."""
    user, password, token, sig = _STRANGERS
    far = f"http://{user}:{password}@127.0.0.1:{site.port}"
    site.html(
        f"/?token={_IN_URL}",
        *(f"/page?x=1&token={token}", f"/gone?X-Amz-Signature={sig}", "/broken", "/echo", "/away"),
        *(f"{far}/user", "/short", f"/moved?password={password}"),
        *_personal_addresses(),
        text=f"<p>{_PAGE}</p>",
    )
    site.html(f"/page?x=1&token={token}", text=f"<p>{_PAGE} Other words.</p>")
    site.html("/short", text=f"<p>Write to {_PERSONAL} or {far}/?sig={sig}</p>")
    site.pages["/broken"] = Reply(b"x", headers=(("Content-Encoding", "gzip"),))
    site.pages["/echo"] = redirect(f"/landed?token={_IN_URL}")
    site.html(f"/landed?token={_IN_URL}", f"/more?token={_IN_URL}", text=f"<p>{_PAGE} Landed.</p>")
    site.html(f"/more?token={_IN_URL}", text=f"<p>{_PAGE} More.</p>")
    site.pages["/away"] = redirect(f"http://localhost:{other.port}/?api_key={token}")
    site.pages[f"/moved?password={password}"] = redirect(f"{far}/?sig={sig}")
    site.pages["/robots.txt"] = Reply(
        f"Sitemap: {far}/map.xml?token={token}\nSitemap: {site.root}/map.xml?sig={sig}\n"
        f"Sitemap: /map?token={_IN_URL}\nSitemap: /lost?token={_IN_URL}\n".encode()
    )
    site.pages[f"/map?token={_IN_URL}"] = Reply(
        f"<urlset><loc>{site.root}/listed?token={_IN_URL}</loc>"
        f"<loc>{site.root}/unlisted?token={_IN_URL}</loc></urlset>".encode()
    )
    site.html(f"/listed?token={_IN_URL}", text=f"<p>{_PAGE} Listed.</p>")
    rows = [
        {"text": f"Short, from {_PERSONAL}", "address": f"{far}/?sig={sig}", "part": "train"},
        {"text": f"{_PAGE} More.", "address": "y", "part": "train", "terms": f"CC by {_EMAIL}"},
        {"text": f"{_PAGE} {_PERSONAL}", "address": f"{far}/a?token={token}", "part": "train"},
        {"text": "Bad", "address": "x", "part": _EMAIL},
        {"text": _PERSONAL, "address": f"mailto:{_EMAIL}", "part": "test"},
    ]
    lines = "".join(json.dumps({"terms": None} | row) + "\n" for row in rows)
    site.pages["/rows.jsonl?access_token=" + _IN_URL] = Reply(lines.encode())


def _recipe(folder: Path, site: Site, words: int = 30) -> Path:
    secret_file = folder / "secret.txt"
    secret_file.write_text(f"{_IN_FILE}\n")
    path = folder / "private.yaml"
    if not (folder / "files").is_dir():
        _plant_files(folder)
    path.write_text(
        _RECIPE.format(root=site.root, secret_file=secret_file, words=words, folder=folder)
    )
    return path


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Site, Site]]:
    """A run of the recipe, twice so that it has a history, with its report; and both servers."""
    folder = tmp_path_factory.mktemp("planted")
    with pytest.MonkeyPatch.context() as patch, running(Site()) as site, running(Site()) as other:
        patch.setenv("PLANTED_TOKEN", _IN_URL)
        patch.setenv("PLANTED_HEADER", _IN_HEADER)
        patch.delenv("TILTH_MIRROR", raising=False)
        _plant(site, other)
        for words in (20, 30):
            recipe = _recipe(folder, site, words)
            run = tilth.run(recipe, runs=folder / "runs", progress=False, workers=1)
            run.write_report()
        yield run.folder, site, other


def _shared(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below the run's folder, its data aside; manifests are not data."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if "data" in path.relative_to(folder).parts and path.name != "manifest.json":
            continue
        data = path.read_bytes()
        yield path, gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def _spellings(text: str) -> set[bytes]:
    """As it stands, as digits alone, and without the mark-up that a writer may put inside."""
    return {text.encode(), re.sub(r"[ ()-]", "", text).encode()}


def test_no_byte_that_is_shared_is_private(planted: tuple[Path, Site, Site]) -> None:
    folder, _, _ = planted
    seen = {path.name for path, _ in _shared(folder)}
    assert {"report.html", "report.json", "card.md", "recipe.yaml", "run.json"} <= seen
    assert {"events.jsonl", "manifest.json", "0001.json"} <= seen
    wanted = [_EMAIL, _PHONE, _CARD, _IP, _IN_URL, _IN_HEADER, _IN_FILE, *_STRANGERS]
    wanted += [*_IN_ADDRESSES, *_ANNOTATORS]
    found = [
        (str(path.relative_to(folder)), text)
        for path, data in _shared(folder)
        for text in wanted
        if any(spelling in data for spelling in _spellings(text))
    ]
    assert not found
    # What is shown is there, with its placeholders; a search of empty files would find nothing.
    report = (folder / "report.json").read_text()
    for placeholder in ("[EMAIL]", "[PHONE]", "[CARD]", "[IP]", "***", "${PLANTED_TOKEN}"):
        assert placeholder in report, placeholder
    assert "Write to [EMAIL]" in report
    document = json.loads(report)
    steps = {step["name"]: step for step in document["steps"]}
    # People stay apart, each by the one name wherever it stands.
    figures = steps["label.consensus"]["figures"]
    names = {one["annotator"] for one in figures["annotators"]}
    assert len(names) == len(_ANNOTATORS)
    assert names == set(figures["confusion_true_by_answered"])
    assert "[EMAIL]" in {row["name"] for row in steps["mix.weights"]["figures"]["labels"]}
    assert steps["collect.rows"]["license"]["CC by [EMAIL]"] == 1


def test_the_value_of_a_secret_is_not_even_in_the_data(planted: tuple[Path, Site, Site]) -> None:
    folder, _, _ = planted
    # What the server itself wrote into a page, without a host before it, is the page.
    written = re.compile(rb"(?<![0-9])/\w*\?token=" + _IN_URL.encode())
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if path.suffix == ".parquet":
            data = repr(pq.read_table(path).to_pylist()).encode()
        else:
            data = path.read_bytes()
            data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
        data = written.sub(b"", data)
        for value in (_IN_URL, _IN_HEADER, _IN_FILE):
            assert value.encode() not in data, path


def test_addresses_of_samples_are_masked(planted: tuple[Path, Site, Site]) -> None:
    folder, site, _ = planted
    run = tilth.open_run(folder)
    uris = [
        uri
        for kind in ("kept", "dropped", "quarantine")
        for batch in run.dataset("collect.site").batches(["uri"], kind=kind)
        for uri in batch.column(0).to_pylist()
    ]
    assert f"{site.root}/page?x=1&token=***" in uris
    assert f"{site.root}/?token=${{PLANTED_TOKEN}}" in uris
    # A page behind a redirect that sends the value back is fetched, under its name.
    assert f"{site.root}/landed?token=${{PLANTED_TOKEN}}" in uris
    assert f"{site.root}/more?token=${{PLANTED_TOKEN}}" in uris
    # So are the addresses that the site's own lists spell out, whether they are there or not.
    for name in ("listed", "unlisted", "lost"):
        assert f"{site.root}/{name}?token=${{PLANTED_TOKEN}}" in uris
        assert f"/{name}?token={_IN_URL}" in site.asked


def test_secrets_reach_the_origin_and_no_other(planted: tuple[Path, Site, Site]) -> None:
    _, site, other = planted
    asked = set(site.asked)
    assert f"/?token={_IN_URL}" in asked
    assert "/rows.jsonl?access_token=" + _IN_URL in asked
    keys = [h.get("x-api-key") for h in site.headers if "x-api-key" in h]
    assert keys
    assert set(keys) == {_IN_FILE}
    # The crawl sends its header with every request, robots.txt included.
    crawled = [h for h in site.headers if "x-api-key" not in h]
    assert {h.get("authorization") for h in crawled} == {f"Bearer {_IN_HEADER}"}
    sent = json.dumps(other.headers) + json.dumps(list(other.asked))
    assert not any(value in sent for value in (_IN_URL, _IN_HEADER, _IN_FILE))


def test_a_failing_fetch_tells_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_TOKEN", _IN_URL)
    monkeypatch.setenv("PLANTED_HEADER", _IN_HEADER)
    monkeypatch.delenv("TILTH_MIRROR", raising=False)
    with running(Site()) as site:
        site.html(f"/?token={_IN_URL}", text=_PAGE)
        site.pages["/rows.jsonl?access_token=" + _IN_URL] = redirect(
            f"http://[{_IN_URL}{_IN_FILE}/?sig={_STRANGERS[3]}"
        )
        with pytest.raises(TilthError) as caught:
            tilth.run(_recipe(tmp_path, site), runs=tmp_path / "runs", progress=False, workers=1)
    told = str(caught.value)
    assert "rows.jsonl?access_token=${PLANTED_TOKEN}" in told
    shared = told.encode() + b"".join(data for _, data in _shared(tmp_path / "runs" / "private"))
    for value in (_IN_URL, _IN_HEADER, _IN_FILE, _STRANGERS[3]):
        assert value.encode() not in shared, value


def test_a_secret_that_is_not_there_is_an_error_of_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED_TOKEN", _IN_URL)
    monkeypatch.delenv("PLANTED_HEADER", raising=False)
    path = _recipe(tmp_path, Site(port=9))
    (tmp_path / "secret.txt").unlink()
    with pytest.raises(RecipeError) as caught:
        tilth.load_recipe(path)
    told = str(caught.value)
    assert told.count("error[missing-secret]") == 2
    assert "${PLANTED_HEADER} is not set" in told
    assert "private.yaml:9:" in told
    assert "collect.site.crawl.headers.Authorization" in told
    assert "export PLANTED_HEADER=" in told
    assert "secret.txt" in told
