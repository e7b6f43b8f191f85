"""Data sets in the hub's layout: from a folder, from the cache, and from a hub on loopback."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.collect.test_audio import wav
from tests.growth.measure import least_s
from tests.table.sources import png
from tests.web.sites import Reply, Site, running
from tilth.collect import hub
from tilth.collect.hub_rows import _named
from tilth.context import Context
from tilth.errors import DataError, MissingError, RecordError, UsageError
from tilth.formats.hub_card import CardError, Config
from tilth.formats.hub_layout import splits_of
from tilth.reading.hub_tree import NOT_ASKED

COMMIT = "a" * 40
CLASSES = {
    "label": {"names": ["neg", "pos"], "_type": "ClassLabel"},
    "lang": {"names": ["de", "en"], "_type": "ClassLabel"},
    "tags": {"feature": {"names": ["x", "y"], "_type": "ClassLabel"}, "_type": "List"},
}
README = """---
license: mit
dataset_info:
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names: {'0': neg, '1': pos}
  - name: tags
    sequence:
      class_label:
        names: {'0': x, '1': y}
  splits:
  - {name: train, num_examples: 4}
configs:
- config_name: default
  data_files:
  - {split: train, path: data/train-*}
  - {split: test, path: "data/test-*"}
- config_name: other
  data_files: [{split: test, path: "more/**/*.jsonl"}]
---
# A data set
"""


def parquet(columns: Mapping[str, Any], features: Mapping[str, Any] | None = None) -> bytes:
    """A file as `datasets` writes it, with what its columns are in the metadata."""
    table, out = pa.table(dict(columns)), io.BytesIO()
    if features is not None:
        said = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": said})
    pq.write_table(table, out)
    return out.getvalue()


def texts(start: int, num: int, features: Mapping[str, Any] | None = None) -> bytes:
    numbers = range(start, start + num)
    columns = {
        "text": [f"text {n}" for n in numbers],
        "label": [n % 2 for n in numbers],
        "lang": [n % 2 for n in numbers],
        "tags": [[0, 1]] * num,
    }
    return parquet(columns, features)


def dataset() -> dict[str, bytes]:
    return {
        "README.md": README.encode(),
        "data/train-00000-of-00002.parquet": texts(0, 2),
        "data/train-00001-of-00002.parquet": texts(2, 2),
        "data/test-00000-of-00001.parquet": texts(10, 3),
        "more/deep/test.jsonl": b'{"text": "other"}\n',
        "script_of_somebody.py": b"raise SystemExit\n",
    }


def fill(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def read(
    work: Path,
    limit: int | None = None,
    passed: list[tuple[str, str]] | None = None,
    **given: Any,
) -> list[dict[str, Any]]:
    settings = hub.Settings(**given)
    hub.fingerprint(settings)
    noted: list[tuple[str, str]] = [] if passed is None else passed
    context = Context(work, limit=limit, passes_over=lambda *one: noted.append(one))
    return [row for batch in hub.read(settings, "s", context) for row in batch.to_pylist()]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no hub of the machine's own."""
    for name in ("HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_folder_in_the_layout(tmp_path: Path) -> None:
    passed: list[tuple[str, str]] = []
    folder = fill(tmp_path / "ds", dataset())
    rows = read(tmp_path, passed=passed, path=str(folder))
    assert [row["text"] for row in rows] == [f"text {n}" for n in (0, 1, 2, 3, 10, 11, 12)]
    assert [row["split"] for row in rows] == ["train"] * 4 + ["test"] * 3
    assert [row["label"] for row in rows[:2]] == ["neg", "pos"]
    assert rows[0]["label_origin"] == "given"
    # Without features of its own a column is what it is; with them numbers are names.
    assert (rows[0]["meta.lang"], rows[0]["meta.tags"]) == (0, ["x", "y"])
    assert {row["license"] for row in rows} == {"mit"}
    assert rows[2]["uri"] == f"{folder}/data/train-00001-of-00002.parquet:1"
    assert passed == [
        (f"{folder}/more/deep/test.jsonl", "a file of another table, or of no split"),
        (f"{folder}/script_of_somebody.py", "of a type that this source does not read (.py)"),
    ]


def test_a_table_and_splits_by_name(tmp_path: Path) -> None:
    folder = str(fill(tmp_path / "ds", dataset()))
    (row,) = read(tmp_path, path=folder, config="other")
    assert (row["text"], row["split"]) == ("other", "test")
    passed: list[tuple[str, str]] = []
    assert len(read(tmp_path, path=folder, split="test", passed=passed)) == 3
    assert (f"{folder}/data/train-00000-of-00002.parquet", "left out by `split`") in passed
    rows = read(tmp_path, path=folder, split=["test"], splits={"test": "validation"})
    assert {row["split"] for row in rows} == {"validation"}
    rows = read(tmp_path, path=folder, split="test", splits={"test": "none"})
    assert {row["split"] for row in rows} == {None}
    for wrong, name in (("config", "othr"), ("split", "tets")):
        with pytest.raises(DataError, match=f"`{wrong}` names the .* `{name}`"):
            read(tmp_path, None, None, path=folder, **{wrong: name})
    with pytest.raises(DataError, match="`splits` names the split `dev`"):
        read(tmp_path, path=folder, splits={"dev": "test"})


def test_the_files_say_more_than_the_card(tmp_path: Path) -> None:
    data = texts(0, 2, CLASSES)
    folder = fill(tmp_path / "ds", {"train.parquet": data, "deep/notes.csv": b"text\na\n"})
    rows = read(tmp_path, path=str(folder))
    assert [(row["label"], row["meta.lang"]) for row in rows] == [("neg", "de"), ("pos", "en")]
    assert rows[0]["meta.tags"] == ["x", "y"]
    assert {row["split"] for row in rows} == {"train"}


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["data/train-00000-of-00001.parquet", "extra/test.parquet"], {"train": [0]}),
        (["dev/a.parquet", "train/a.parquet"], {"train": [1], "validation": [0]}),
        (["my-train_1.parquet", "contest.parquet", "test.parquet"], {"train": [0], "test": [2]}),
        (["a.parquet", "b.parquet"], {"train": [0, 1]}),
        (["data/books-00000-of-00001.parquet"], {"books": [0]}),
    ],
)
def test_splits_by_the_names_of_files(
    names: list[str], splits: dict[str, list[int]], tmp_path: Path
) -> None:
    folder = fill(tmp_path / "ds", {name: texts(n, 1) for n, name in enumerate(names)})
    said = {"books": "train"} if "books" in splits else {}
    rows = read(tmp_path, path=str(folder), splits=said)
    found = {(row["split"], row["text"]) for row in rows}
    assert found == {
        (said.get(split, split), f"text {n}") for split, of in splits.items() for n in of
    }


def test_a_split_of_a_name_of_its_own_is_asked_for(tmp_path: Path) -> None:
    folder = fill(tmp_path / "ds", {"data/unsupervised-00000-of-00001.parquet": texts(0, 1)})
    with pytest.raises(DataError, match="`unsupervised` is none of train") as caught:
        read(tmp_path, path=str(folder))
    assert "splits: {unsupervised: train}" in caught.value.hint


def test_pictures_are_decoded_whole(tmp_path: Path) -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    good, bad = png(1), png(2)[:50]
    cells = [{"bytes": good, "path": "a.png"}, {"bytes": bad, "path": None}, None]
    features = {"image": {"_type": "Image"}, "label": CLASSES["label"]}
    columns = {
        "image": pa.array([*cells, cells[0], cells[0]], kind),
        "label": [0, 1, 1, -1, 7],
        "caption": ["words"] * 5,
    }
    folder = fill(tmp_path / "ds", {"train.parquet": parquet(columns, features)})
    rows = read(tmp_path, path=str(folder))
    assert [(row["image"], row["label"]) for row in rows] == [
        (good, "neg"),
        (None, None),
        (None, None),
        (good, None),
        (None, None),
    ]
    assert rows[0]["meta.caption"] == "words"
    errors = [row["error"] or "" for row in rows]
    assert "cannot be decoded" in errors[1]
    assert "holds no" in errors[2]
    assert "class 7, where the data set has the names of 2" in errors[4]
    (row,) = read(tmp_path, path=str(folder), limit=1, fields={"text": "caption"})
    assert (row["text"], row["image"]) == ("words", good)


def test_sound_and_its_transcript(tmp_path: Path) -> None:
    columns = {"audio": [{"bytes": wav(1600), "path": "a.wav"}], "sentence": ["one"]}
    data = parquet(columns, {"audio": {"sampling_rate": 8000, "_type": "Audio"}})
    folder = fill(tmp_path / "ds", {"train.parquet": data})
    (row,) = read(tmp_path, path=str(folder), fields={"target": "sentence"})
    assert (row["audio"], row["target"]) == (wav(1600), "one")
    # Nothing says what it is: the recipe does.
    folder = fill(tmp_path / "bare", {"train.parquet": parquet(columns)})
    (row,) = read(tmp_path, path=str(folder), audio="audio")
    assert row["audio"] == wav(1600)
    two = {"a": {"_type": "Image"}, "b": {"_type": "Image"}}
    cell = [{"bytes": png(), "path": None}]
    folder = fill(tmp_path / "two", {"train.parquet": parquet({"a": cell, "b": cell}, two)})
    with pytest.raises(DataError, match="2 columns of the kind `image`: a, b"):
        read(tmp_path, path=str(folder))
    assert len(read(tmp_path, path=str(folder), image="b")) == 1


def saved(columns: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, bytes]:
    """As `Dataset.save_to_disk` leaves it, in a file."""
    table, out = pa.table(dict(columns)), io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    state = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": None}
    return {
        "data-00000-of-00001.arrow": out.getvalue(),
        "state.json": json.dumps(state).encode(),
        "dataset_info.json": json.dumps({"features": features}).encode(),
    }


def test_what_was_saved_to_disk(tmp_path: Path) -> None:
    one = saved({"text": ["a", "b", "c"], "label": [0, 1, 0]}, {"label": CLASSES["label"]})
    rows = read(tmp_path, path=str(fill(tmp_path / "one", one)))
    assert [(row["text"], row["label"]) for row in rows] == [
        ("a", "neg"),
        ("b", "pos"),
        ("c", "neg"),
    ]
    assert {row["split"] for row in rows} == {None}
    both = {f"{split}/{name}": data for split in ("train", "test") for name, data in one.items()}
    both["dataset_dict.json"] = b'{"splits": ["train", "test"]}'
    rows = read(tmp_path, path=str(fill(tmp_path / "both", both)))
    assert [row["split"] for row in rows] == ["train"] * 3 + ["test"] * 3
    rows = read(tmp_path, path=str(tmp_path / "both"), limit=4)
    assert sorted((row["split"], row["label"]) for row in rows) == [
        (split, label) for split in ("test", "train") for label in ("neg", "pos")
    ]
    # A stream that is cut off costs what is behind the cut, and that is said.
    (tmp_path / "one" / "data-00000-of-00001.arrow").write_bytes(
        one["data-00000-of-00001.arrow"][:-150]
    )
    rows = read(tmp_path, path=str(tmp_path / "one"))
    assert rows[0]["text"] == "a"
    assert "all from here on cannot be read" in rows[-1]["error"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"ds.py": b"", "train.parquet": texts(0, 1)}, "a loading script, ds.py"),
        ({"any.py": b""}, "a loading script, any.py"),
        ({"a.zip": b""}, "no file of records"),
        ({"data/train-00001-of-00002.parquet": texts(0, 1)}, "a part of it is missing"),
        ({"README.md": b"---\nconfigs: [\n---\n"}, "no YAML"),
        ({"README.md": b"---\nconfigs: {data_files: ../*}\n---\n"}, "lead out of it"),
        ({"README.md": b"---\nconfigs: {data_files: 'x-*'}\n---\n"}, "which no file fits"),
        ({"state.json": b"[]"}, "no JSON object"),
        ({"state.json": b'{"_data_files": [{"filename": "../x"}]}'}, "which is not there"),
        ({"dataset_dict.json": b'{"splits": 3}'}, "names no splits"),
        ({"train.parquet": b"PAR1"}, "cannot be read"),
    ],
)
def test_what_is_refused(files: dict[str, bytes], message: str, tmp_path: Path) -> None:
    folder = fill(tmp_path / "ds", files)
    with pytest.raises(DataError, match=message):
        read(tmp_path, path=str(folder))


def cached(cache: Path, files: Mapping[str, bytes], revision: str = "main") -> Path:
    """A cache made by hand, as `huggingface_hub` lays it out: links to blobs, and what a ref is."""
    base = cache / "datasets--me--ds"
    for name, data in files.items():
        blob = base / "blobs" / hashlib.sha256(data).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        place = base / "snapshots" / COMMIT / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(blob)
    (base / "refs").mkdir()
    (base / "refs" / revision).write_text(COMMIT)
    return base


def test_a_name_in_the_cache_needs_no_hub(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    cached(cache, {name: data for name, data in dataset().items() if name[:4] in ("READ", "data")})
    rows = read(tmp_path, name="me/ds")
    place = f"hf://datasets/me/ds@{COMMIT}/data/train-00000-of-00002.parquet:1"
    assert rows[0]["uri"] == place
    assert len(rows) == 7
    by_branch = hub.Settings(name="me/ds")
    by_commit = hub.Settings(name="me/ds", revision=COMMIT)
    assert COMMIT in hub.fingerprint(by_branch)
    assert hub.fingerprint(by_branch) == hub.fingerprint(by_commit)
    assert "may be another commit tomorrow" in hub.warns(by_branch)
    assert hub.warns(by_commit) == hub.warns(hub.Settings(path="x")) == ""
    with pytest.raises(MissingError, match="HF_HUB_OFFLINE"):
        read(tmp_path, name="me/another")
    # huggingface_hub finds the same.
    from huggingface_hub import snapshot_download

    found = snapshot_download(
        "me/ds",
        repo_type="dataset",
        revision=COMMIT,
        cache_dir=cache,
        local_files_only=True,
    )
    assert Path(found) == cache / "datasets--me--ds" / "snapshots" / COMMIT


def test_a_cache_of_which_nobody_knows_whether_it_is_whole(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    cached(cache, {"train.parquet": texts(0, 1)})
    passed: list[tuple[str, str]] = []
    assert len(read(tmp_path, name="me/ds", passed=passed)) == 1
    assert passed == [(f"hf://datasets/me/ds@{COMMIT}", NOT_ASKED)]


def answers(site: Site, files: Mapping[str, bytes], **more: Any) -> None:
    """What a hub answers about a data set."""
    listed = []
    for name, data in files.items():
        one: dict[str, Any] = {"rfilename": name, "size": len(data)}
        if name.endswith(".parquet"):
            one["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        else:
            head = f"blob {len(data)}\0".encode()
            one["blobId"] = hashlib.sha1(head + data, usedforsecurity=False).hexdigest()
        listed.append(one)
        site.pages[f"/datasets/me/ds/resolve/{COMMIT}/{name}"] = Reply(data)
    info = json.dumps({"sha": COMMIT, "siblings": listed, **more}).encode()
    for revision in ("main", COMMIT, "refs%2Fconvert%2Fparquet"):
        site.pages[f"/api/datasets/me/ds/revision/{revision}?blobs=true"] = Reply(info)


@pytest.fixture
def site() -> Iterator[Site]:
    with running(Site()) as found:
        answers(found, dataset())
        yield found


def remote(site: Site, **given: Any) -> dict[str, Any]:
    return {"name": "me/ds", "endpoint": site.root, "allow_hosts": ["127.0.0.1"], **given}


def test_a_name_is_fetched_once(site: Site, tmp_path: Path, cache: Path) -> None:
    passed: list[tuple[str, str]] = []
    rows = read(tmp_path, passed=passed, **remote(site, split="train"))
    assert [row["text"] for row in rows] == [f"text {n}" for n in range(4)]
    assert {place.rpartition("/")[2]: reason for place, reason in passed} == {
        "test-00000-of-00001.parquet": "left out by `split`",
        "test.jsonl": "a file of another table, or of no split",
        "script_of_somebody.py": "of a type that this source does not read (.py)",
    }
    asked = dict(site.asked)
    # Of what is left out nothing is fetched, and nothing is asked twice.
    assert not [path for path in asked if "test" in path or path.endswith(".py")]
    assert set(asked.values()) == {1}
    assert (cache / "datasets--me--ds" / "refs" / "main").read_text() == COMMIT
    snapshot = cache / "datasets--me--ds" / "snapshots" / COMMIT
    assert (snapshot / "README.md").read_bytes() == README.encode()
    assert read(tmp_path, **remote(site, split="train")) == rows
    assert dict(site.asked) == asked


def test_another_revision_is_another_commit(site: Site, tmp_path: Path) -> None:
    settings = hub.Settings(**remote(site, revision="refs/convert/parquet"))
    assert COMMIT in hub.fingerprint(settings)
    assert hub.Settings(**remote(site)).repository.commit() == COMMIT


def test_a_token_goes_to_the_hub_of_the_environment_alone(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    read(tmp_path, **remote(site, split="train"))
    assert not any("authorization" in one for one in site.headers)
    monkeypatch.setenv("HF_ENDPOINT", site.root)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "another"))
    read(tmp_path, name="me/ds", allow_hosts=["127.0.0.1"], split="train")
    assert site.headers[-1]["authorization"] == "Bearer secret"


def test_addresses_are_checked(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match="allow_hosts"):
        hub.Settings(name="me/ds", endpoint=site.root)
    monkeypatch.setenv("HF_ENDPOINT", site.root)
    with pytest.raises(UsageError, match="may not be fetched"):
        read(tmp_path, name="me/ds")
    for name in ("../x", "a/b/c", "me/..", ""):
        with pytest.raises(ValidationError):
            hub.Settings(name=name)
    for revision in ("../x", "a//b", "refs/../x"):
        with pytest.raises(ValidationError):
            hub.Settings(name="me/ds", revision=revision)


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (b"[]", "not the answer of a hub"),
        (b'{"sha": "main", "siblings": []}', "is no commit"),
        (b'{"sha": "%s", "siblings": [{"rfilename": "../../x"}]}' % COMMIT.encode(), "leads out"),
        (b"[" * 100_000, "not the answer of a hub"),
    ],
)
def test_an_answer_that_is_none(info: bytes, message: str, site: Site, tmp_path: Path) -> None:
    site.pages["/api/datasets/me/ds/revision/main?blobs=true"] = Reply(info)
    with pytest.raises(DataError, match=message):
        read(tmp_path, **remote(site))


def test_other_content_than_the_hub_lists_is_refused(site: Site, tmp_path: Path) -> None:
    page = f"/datasets/me/ds/resolve/{COMMIT}/README.md"
    site.pages[page] = Reply(README.replace("mit", "abc").encode())
    with pytest.raises(DataError, match="not the file that the hub lists"):
        read(tmp_path, **remote(site))


def test_a_change_while_reading_is_noticed(tmp_path: Path) -> None:
    folder = fill(tmp_path / "ds", {"train.parquet": texts(0, 3000)})
    settings = hub.Settings(path=str(folder))
    batches = hub.read(settings, "s", Context(tmp_path))
    next(batches)
    (folder / "train.parquet").write_bytes(texts(0, 1))
    with pytest.raises(DataError, match="changed while it was read"):
        list(batches)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jsonl", b'{"text": "one", "label": 1}\n{"text": "two", "label": "neg"}\n'),
        ("a.json", b'[{"text": "one", "label": 1}, {"text": "two", "label": 0}]'),
        ("a.csv", b"text,label\none,1\ntwo,0\n"),
        ("a.tsv", b"text\tlabel\none\tpos\ntwo\t0\n"),
    ],
)
def test_every_type_of_records_is_read(name: str, data: bytes, tmp_path: Path) -> None:
    card = README.partition("configs:")[0] + "---\n"
    files = {"README.md": card.encode(), name: data, f"{name}.gz": gzip.compress(data)}
    rows = read(tmp_path, path=str(fill(tmp_path / "ds", files)))
    assert [(row["text"], row["label"]) for row in rows] == [("one", "pos"), ("two", "neg")] * 2


def test_lines_of_text_are_a_text(tmp_path: Path) -> None:
    (row,) = read(tmp_path, path=str(fill(tmp_path / "ds", {"train.txt": b"one\ntwo\n"})))
    assert (row["text"], row["split"]) == ("one\ntwo\n", "train")


def test_other_rows_than_the_card_counts_are_told(tmp_path: Path) -> None:
    files = dataset() | {"data/train-00001-of-00002.parquet": texts(2, 1)}
    folder = fill(tmp_path / "ds", files)
    passed: list[tuple[str, str]] = []
    read(tmp_path, passed=passed, path=str(folder))
    assert (f"{folder}/README.md:train", hub.OTHER_ROWS) in passed


def test_a_list_of_files_is_looked_up() -> None:
    names = [f"{number}.csv" for number in range(20_000)]
    config = Config(files={"train": tuple(names)})
    assert splits_of(names, config) == {"train": names}
    assert least_s(lambda: splits_of(names, config), 2) < 2


@given(
    st.lists(st.sampled_from(["a", "b", "*", "**", "?", "a*"]), min_size=1, max_size=5),
    st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=5),
)
def test_patterns_fit_as_those_of_python(pattern: list[str], name: list[str]) -> None:
    """`pathlib` has the same for what it knows: `**` for any folders; only files are matched."""
    parts = "".join(
        {"**": "(?:[^/]+/)*", "*": "[^/]*/", "?": "[^/]/", "a*": "a[^/]*/"}.get(one, f"{one}/")
        for one in pattern
    )
    wanted = re.fullmatch(parts, "/".join(name) + "/") is not None
    config = Config(files={"train": ("/".join(pattern),)})
    try:
        found = splits_of(["/".join(name)], config)["train"] != []
    except CardError:
        found = False
    assert found == wanted


@pytest.mark.parametrize(
    ("value", "label"),
    [
        *((0, "a"), (1.0, "b"), ("1", "b"), ("1.0", "b"), (" b ", "b"), (b"b", "b"), ("a", "a")),
        *((None, None), (float("nan"), None), (-1, None), (-1.0, None), ("", None), (" ", None)),
    ],
)
def test_a_class_by_its_number_or_its_name(value: object, label: str | None) -> None:
    assert _named(value, {"a": 0, "b": 1}, ("a", "b")) == label


@pytest.mark.parametrize("value", [True, 2, 1.5, "c", "01x", float("inf"), [1]])
def test_what_is_no_class_of_the_data_set_is_an_error(value: object) -> None:
    with pytest.raises(RecordError):
        _named(value, {"a": 0, "b": 1}, ("a", "b"))
