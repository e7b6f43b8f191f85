"""The guide to speech corpora: its example runs on real speech in the layout of Common Voice."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import pytest
import soundfile

import tilth
from tests.collect.corpora import TABLE
from tests.decode.sounds import encode
from tests.engine.inline import use_inline
from tests.table.whole import rows
from tilth.reading.corpora.common_voice import KNOWN
from tilth.reading.corpora.corpus import NO_SOUND, OF_NO_LAYOUT
from tilth.reading.corpora.layouts import NAMES

PAGE = Path(__file__).parents[1] / "docs" / "guides" / "speech-corpora.md"
_WORDS = {"0": "lo", "1": "ken"}


def _clips(archive: Path) -> dict[str, tuple[bytes, str]]:
    """Ten utterances of yesno as MP3, and what is said in each, by name."""
    found: dict[str, tuple[bytes, str]] = {}
    with tarfile.open(archive) as packed:
        for member in sorted(packed, key=lambda one: one.name):
            name = Path(member.name).stem
            stream = packed.extractfile(member)
            if stream is None or len(found) == 10 or not re.fullmatch("[01_]+", name):
                continue
            samples, rate = soundfile.read(io.BytesIO(stream.read()), dtype="int16")
            words = " ".join(_WORDS[part] for part in name.split("_"))
            found[name] = (encode("MP3", samples, rate), words)
    return found


def test_the_example_runs(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = _clips(shared_data / "yesno" / "waves_yesno.tar.xz")
    folder = tmp_path / "cv-corpus" / "en"
    (folder / "clips").mkdir(parents=True)
    lines = []
    for number, (name, (data, words)) in enumerate(clips.items()):
        (folder / "clips" / f"{name}.mp3").write_bytes(data)
        lines.append(f"speaker\t{name}.mp3\t{words}\t{number}\t\tmale\t\the\n")
    tables = {"train": lines[:6], "dev": lines[6:7], "test": lines[7:9], "validated": lines}
    for part, those in tables.items():
        (folder / f"{part}.tsv").write_text(TABLE + "".join(those))
    (folder / "reported.tsv").write_text("sentence\n")
    with (folder / "test.tsv").open("a") as file:
        file.write("speaker\tgone.mp3\tlo\t9\t\t\t\the\n")
    monkeypatch.chdir(tmp_path)
    use_inline(monkeypatch)
    (block,) = re.findall("```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    Path("voices.yaml").write_text(f"name: voices\n{block}")
    run = tilth.run("voices.yaml", progress=False)
    counts = run.dataset("collect.voices").manifest.counts
    assert counts is not None
    # Nine rows of `validated` say what the splits say.
    assert (counts.num_in, counts.kept, counts.passed_over) == (10, 10, 11)
    reasons = run.dataset("collect.voices").manifest.passed_over.by_reason
    assert reasons == {NO_SOUND: 1, OF_NO_LAYOUT: 1, KNOWN: 9}
    found = rows(run, "clean.rules")
    # Two of ten have less than two votes, which are numbers now.
    assert sorted(row["meta.up_votes"] for row in found) == [2, 3, 4, 5, 6, 7, 8, 9]
    splits = {row["meta.up_votes"]: row["split"] for row in found}
    assert [splits[n] for n in (5, 6, 7, 8, 9)] == ["train", "validation", "test", "test", None]
    for row in found:
        data, words = clips[Path(row["uri"]).stem]
        assert (row["audio"], row["target"]) == (data, words)


def test_the_table_has_every_layout() -> None:
    text = PAGE.read_text("utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text.partition("## What")[0], re.M) == ["layout", *NAMES]
