"""Finding files, bounded reading, noticing changes."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tilth.context import Context
from tilth.errors import DataError, MissingError
from tilth.reading import inputs
from tilth.settings import acting
from tilth.store import digests


def test_a_folder_gives_its_files_by_name(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl.gz", ".hidden.jsonl", "notes.txt", "sub/c.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    found = inputs.find_files(inputs.FileSettings(path=str(tmp_path)), (".jsonl", ".jsonl.gz"))
    assert [file.name for file in found] == ["a.jsonl.gz", "b.jsonl", "sub/c.jsonl"]


def test_a_glob_gives_names_that_do_not_depend_on_where_it_lies(tmp_path: Path) -> None:
    names = []
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        for name in ("2.x", "1.x"):
            (tmp_path / folder / name).write_text("")
        found = inputs.find_files(inputs.FileSettings(path=str(tmp_path / folder / "*.x")), ())
        names.append([file.name for file in found])
    assert names == [["1.x", "2.x"]] * 2


def test_a_missing_file_names_what_was_tried_and_what_is_close(tmp_path: Path) -> None:
    (tmp_path / "reviews.jsonl").write_text("{}")
    with pytest.raises(MissingError) as raised:
        inputs.find_files(inputs.FileSettings(path=str(tmp_path / "review.jsonl")), ())
    assert str(tmp_path / "review.jsonl") in raised.value.hint
    assert "did you mean `reviews.jsonl`" in raised.value.hint


def test_a_missing_folder_names_the_nearest_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as raised:
        inputs.find_files(inputs.FileSettings(path=str(tmp_path / "no" / "x" / "*.csv")), ())
    assert f"{tmp_path} has nothing" in raised.value.hint


def test_an_empty_folder_is_an_empty_source(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file ending in \.csv"):
        inputs.find_files(inputs.FileSettings(path=str(tmp_path)), (".csv",))


def test_path_and_url_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="exclude each other"):
        inputs.FileSettings(path="a", url="http://b")
    with pytest.raises(ValidationError, match="belong to `url`"):
        inputs.FileSettings(path="a", size=3)


def test_the_fingerprint_is_of_names_and_contents(tmp_path: Path) -> None:
    path = tmp_path / "a.x"
    path.write_text("1")
    settings = inputs.FileSettings(path=str(tmp_path))
    seen = [inputs.fingerprint_files(settings, (".x",))]
    state = path.stat()
    path.write_text("2")
    # Of the same size and time; and of another time, or in another file, and the same bytes.
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    seen.append(inputs.fingerprint_files(settings, (".x",)))
    os.utime(path, ns=(1, 1))
    assert inputs.fingerprint_files(settings, (".x",)) == seen[-1]
    (tmp_path / "copy").write_text("2")
    (tmp_path / "copy").replace(path)
    assert inputs.fingerprint_files(settings, (".x",)) == seen[-1]
    path.rename(tmp_path / "b.x")
    seen.append(inputs.fingerprint_files(settings, (".x",)))
    (tmp_path / "c.x").write_text("3")
    seen.append(inputs.fingerprint_files(settings, (".x",)))
    assert len(set(seen)) == 4


@pytest.mark.parametrize("above", ["folder", "glob"])
def test_what_is_renamed_above_a_file_shows_where_its_records_are_named_by_it(
    above: str, tmp_path: Path
) -> None:
    (tmp_path / "a" / "in").mkdir(parents=True)
    (tmp_path / "a" / "in" / "x.x").write_text("1")
    path = {"folder": str(tmp_path), "glob": str(tmp_path / "*" / "in" / "*.x")}[above]
    settings = inputs.FileSettings(path=path)
    before = inputs.fingerprint_files(settings, (".x",))
    (uri,) = [file.uri for file in inputs.find_files(settings, (".x",))]
    (tmp_path / "a").rename(tmp_path / "b")
    assert uri not in [file.uri for file in inputs.find_files(settings, (".x",))]
    assert inputs.fingerprint_files(settings, (".x",)) != before


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("./a", "a"),
        ("a//b/./c/", "a/b/c"),
        ("//a", "/a"),
        ("/", "/"),
        (".", "."),
        ("./", "."),
        ("", ""),
        ("../a", "../a"),
        # The one may be a link, and the other nobody's home.
        ("a/../b", "a/../b"),
        ("./~a", "./~a"),
        ("~/a/", "~/a"),
        ("./*//[ab]/", "*/[ab]"),
    ],
)
def test_a_path_is_written_in_one_way(given: str, wanted: str) -> None:
    settings = inputs.FileSettings(path=given)
    assert settings.path == wanted
    assert inputs.FileSettings.model_validate(settings.model_dump()) == settings


def test_ways_of_writing_a_path_give_one_uri_and_one_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.x").write_text("1")
    monkeypatch.chdir(tmp_path)
    ways = ("in", "./in", "in/", "in//", "in/x.x", "./in//x.x", "in/*.x", ".//in/*.x")
    found = [inputs.FileSettings(path=path) for path in ways]
    assert len({inputs.fingerprint_files(one, (".x",)) for one in found}) == 1
    assert {file.uri for one in found for file in inputs.find_files(one, (".x",))} == {"in/x.x"}
    assert all(acting(one) == acting(found[0]) for one in found)


def test_what_cannot_be_read_is_a_cause_and_no_error_of_the_plan(tmp_path: Path) -> None:
    """It may be one record of many, and whoever reads it says so."""
    (tmp_path / "a.x").symlink_to("nowhere")
    os.mkfifo(tmp_path / "b.x")
    settings = inputs.FileSettings(path=str(tmp_path))
    lines = inputs.fingerprint_files(settings, (".x",)).splitlines()
    causes = ["No such file or directory", "a pipe or a device, not a file"]
    assert [line.split(" ", 2)[2] for line in lines] == causes
    with pytest.raises(MissingError):
        inputs.fingerprint_paths([inputs.SourceFile(tmp_path / "c.x", "c.x", "c.x")])


def test_a_line_break_in_a_name_is_no_end_of_a_line(tmp_path: Path) -> None:
    (tmp_path / "a\nb.x").write_text("1")
    found = inputs.fingerprint_files(inputs.FileSettings(path=str(tmp_path)), (".x",))
    assert len(found.splitlines()) == 1


def test_no_file_is_read_again_that_nobody_wrote_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_SETTLED_NS", 0)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.x").write_text("1")
    settings = inputs.FileSettings(path=str(tmp_path / "in"))
    with digests.remembering(tmp_path / "memo"):
        found = inputs.fingerprint_files(settings, (".x",))
    with digests.remembering(tmp_path / "memo", read=False):
        assert inputs.fingerprint_files(settings, (".x",)) == found
        anew = settings.model_copy(update={"digest": "content"})
        with pytest.raises(digests.UnreadError):
            inputs.fingerprint_files(anew, (".x",))
    assert inputs.fingerprint_files(anew, (".x",)) == found
    assert acting(anew) == acting(settings)


def test_a_change_while_reading_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.x"
    path.write_text("1")
    found = inputs.find_files(inputs.FileSettings(path=str(path)), ())
    watched = inputs.Watched(found)
    watched.check(found)
    path.write_text("12")
    with pytest.raises(DataError, match=r"changed while it was read: a\.x"):
        watched.check()
    with pytest.raises(DataError, match=r"changed while it was read: a\.x"):
        inputs.Watched(found).check([])


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    """Opened, it would be waited for without an end."""
    os.mkfifo(tmp_path / "a.jsonl")
    (file,) = inputs.find_files(inputs.FileSettings(path=str(tmp_path)), (".jsonl",))
    with pytest.raises(DataError, match="a pipe or a device"), inputs.open_bytes(file):
        pass
    with pytest.raises(DataError, match="a pipe or a device"):
        inputs.open_raw(file)


def test_gzip_is_known_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "no-suffix"
    path.write_bytes(gzip.compress(b"text"))
    with inputs.open_bytes(inputs.SourceFile(path, "n", "u")) as stream:
        assert stream.read() == b"text"


def test_a_gzip_stream_that_is_cut_off_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(os.urandom(5000))[:-100])
    file = inputs.SourceFile(path, "n", "where/it/is.gz")
    with pytest.raises(DataError, match=r"cut off") as raised, inputs.open_bytes(file) as stream:
        stream.read()
    assert raised.value.where == "where/it/is.gz"


@given(st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"."))))
def test_lines_are_those_of_python_cut_at_the_limit(lines: list[bytes]) -> None:
    data = b"\n".join(lines)
    found = list(inputs.read_lines(io.BytesIO(data), 8))
    wanted = [line.removesuffix(b"\r") for line in data.split(b"\n")]
    if wanted and not data.split(b"\n")[-1]:
        wanted.pop()
    for (line, length), want in zip(found, wanted, strict=True):
        assert line == want[:8]
        assert (length > 8) == (len(want) > 8)


def test_a_line_is_never_longer_in_memory_than_the_limit() -> None:
    class Stream(io.BytesIO):
        largest = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert size > 0
            line = super().readline(size)
            self.largest = max(self.largest, len(line))
            return line

    stream = Stream(b"x" * 3_000_000 + b"\nshort\n")
    found = list(inputs.read_lines(stream, 100))
    assert found == [(b"x" * 100, 3_000_000), (b"short", 5)]
    assert stream.largest <= 1 << 18


def _undone(path: Path) -> None:
    data, state = path.read_bytes(), path.stat()
    path.write_bytes(b"other")
    path.write_bytes(data)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_files_that_change_while_they_are_open_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.x").write_text("1")
    settings, context = inputs.FileSettings(path=str(tmp_path)), Context(tmp_path)
    with inputs.opened(settings, (".x",), context) as found:
        assert [file.name for file in found] == ["a.x"]
    for change in (
        lambda: (tmp_path / "b.x").write_text("2"),
        lambda: (tmp_path / "a.x").write_text("12"),
        lambda: os.utime(tmp_path / "a.x", ns=(5, 5)),
        # Edited, and put back as it was.
        lambda: _undone(tmp_path / "a.x"),
        lambda: (tmp_path / "b.x").unlink(),
    ):
        with (
            pytest.raises(DataError, match="changed while it was read"),
            inputs.opened(settings, (".x",), context),
        ):
            change()


def test_a_folder_that_cannot_be_looked_into_is_an_error() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "closed").mkdir(mode=0o700)
        (folder / "a.txt").write_text("open")
        (folder / "closed" / "b.txt").write_text("closed")
        user = os.geteuid()
        try:
            if user == 0:  # whom no mode keeps out
                os.seteuid(65534)
            else:
                (folder / "closed").chmod(0)
            with pytest.raises(MissingError, match="cannot look into a folder") as caught:
                inputs.find_files(inputs.FileSettings(path=name), (".txt",))
            for glob in ("**/*.txt", "closed/*.txt", "*/*.txt", "*/b.txt", "c*d/*/*"):
                with pytest.raises(MissingError, match="cannot look into a folder"):
                    inputs.find_files(inputs.FileSettings(path=f"{name}/{glob}"), (".txt",))
            # One that leads through no closed folder needs none.
            seen = inputs.find_files(inputs.FileSettings(path=f"{name}/*.txt"), (".txt",))
        finally:
            os.seteuid(user)
            (folder / "closed").chmod(0o700)
    assert str(folder / "closed") in str(caught.value)
    assert [file.name for file in seen] == ["a.txt"]


def test_what_a_glob_meets_and_cannot_read_is_told(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("one")
    (tmp_path / "deep").mkdir()
    told: list[tuple[str, str]] = []
    settings = inputs.FileSettings(path=f"{tmp_path}/*")
    found = inputs.find_files(settings, (".txt",), lambda *one: told.append(one))
    assert [file.name for file in found] == ["a.txt", "b.txt"]
    assert told == [(f"{tmp_path}/deep", "a folder, where the pattern asks for files")]
    told.clear()
    inputs.find_files(inputs.FileSettings(path=f"{tmp_path}/**"), (), lambda *one: told.append(one))
    assert told == []
