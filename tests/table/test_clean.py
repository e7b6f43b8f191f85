"""The settings of `clean`."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.table.entries import effect, extreme, name, refused
from tests.table.samples import applied, batch, kept, texts, told
from tests.table.whole import read, said
from tilth.clean.signals import SIGNALS
from tilth.decode.picture import MOST_PIXELS
from tilth.engine.run import step_states
from tilth.errors import MissingError, TilthError, UsageError
from tilth.recipe.plan import build_plan

ENGLISH = "The heron stands in the shallow water and waits for a fish to come near its feet."
GERMAN = "Der Reiher steht im flachen Wasser und wartet, bis ein Fisch in seine Nähe kommt."


def tree(*steps: Any) -> dict[str, Any]:
    return {"collect": {"a": {"jsonl": {"path": "a.jsonl"}}}, "clean": list(steps)}


# check_image


def picture(width: int, height: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, height)).save(file, kind)
    return file.getvalue()


@effect("clean.check_image.formats")
@name("clean.check_image.formats")
def test_formats() -> None:
    both = batch([{"image": picture(4, 4)}, {"image": picture(4, 4, "GIF")}])
    assert kept("check_image", both) == [0, 1]
    assert kept("check_image", both, formats=["png"]) == [0]
    assert kept("check_image", both, formats=["GIF"]) == [1]
    assert "no format `PGN`; did you mean `PNG`" in told("check_image", formats=["PGN"])
    assert "at least 1" in told("check_image", formats=[])


@effect("clean.check_image.max_pixels")
@extreme("clean.check_image.max_pixels")
def test_max_pixels() -> None:
    three = batch([{"image": picture(width, 1)} for width in (1, 20, 21)])
    assert kept("check_image", three) == [0, 1, 2]
    assert kept("check_image", three, max_pixels=20) == [0, 1]
    assert kept("check_image", three, max_pixels=1) == [0]
    assert kept("check_image", three, max_pixels=MOST_PIXELS) == [0, 1, 2]
    for wrong in (0, MOST_PIXELS + 1):
        assert "max_pixels" in told("check_image", max_pixels=wrong)


# extract

ARTICLE = (
    "<html><body><nav><a href=/a>Home page</a></nav><article><h1>On herons</h1>"
    f"<p>{ENGLISH * 4}</p><div class='teaser'><p>Ducks of the northern lakes are next.</p></div>"
    f"<p>{ENGLISH * 3}</p></article><div class='comments'><p>I saw one.</p></div></body></html>"
)
CELLS = "".join(
    "<tr><td><table><tr><td>A long line of words in an old layout</td><td>other</td></tr></table>"
    "</td></tr>"
    for _ in range(6)
)


def extracted(page: str | bytes, **given: Any) -> dict[str, Any]:
    html = page.encode() if isinstance(page, str) else page
    (row,) = applied("extract", batch([{"html": html, "content_type": "text/html"}]), **given)
    return row


@effect("clean.extract.method")
def test_method() -> None:
    assert "I saw one" not in extracted(ARTICLE, method="trafilatura")["text"]
    assert "I saw one" in extracted(ARTICLE, method="resiliparse")["text"]


@effect("clean.extract.favor_recall")
@pytest.mark.parametrize(
    ("method", "more"), [("trafilatura", "Ducks of the northern"), ("resiliparse", "Home page")]
)
def test_favor_recall(method: str, more: str) -> None:
    assert more not in extracted(ARTICLE, method=method)["text"]
    assert more in extracted(ARTICLE, method=method, favor_recall=True)["text"]


@effect("clean.extract.read_layout_tables")
@refused("clean.extract.read_layout_tables")
def test_read_layout_tables() -> None:
    page = f"<html><body><table>{CELLS}</table></body></html>"
    assert "|" not in extracted(page)["text"]
    assert "|" in extracted(page, read_layout_tables=False)["text"]
    assert "is of trafilatura" in told("extract", method="resiliparse", read_layout_tables=False)


@effect("clean.extract.max_bytes")
@extreme("clean.extract.max_bytes")
def test_max_bytes() -> None:
    page = ARTICLE.ljust(1500)
    assert extracted(page, max_bytes=1500)["drop.rule"] is None
    assert extracted(page, max_bytes=1499)["drop.rule"] == "html_bytes <= 1499"
    assert extracted(page, max_bytes=1 << 40)["drop.rule"] is None
    assert "at least" in said(tree({"extract": {"max_bytes": 999}}))


@effect("clean.extract.max_undecodable")
@extreme("clean.extract.max_undecodable")
def test_max_undecodable() -> None:
    head = b"<html><head><meta charset=utf-8></head><body><p>"
    broken = head + ENGLISH.encode() * 3 + b"\xff" * 5 + b"</p></body></html>"
    assert "cannot be decoded" in extracted(broken)["error"]
    assert "�" in extracted(broken, max_undecodable=0.1)["text"]
    for share, is_kept in ((0, False), (1, True)):
        assert (extracted(broken, max_undecodable=share).get("error") is None) == is_kept
    assert extracted(ARTICLE, max_undecodable=0).get("error") is None
    for wrong in (-0.1, 1.1):
        assert "max_undecodable" in told("extract", max_undecodable=wrong)


STATED = (
    "<html lang=en><title>Herons</title><meta name=author content=Ada><meta name=date "
    f"content=2024-05-01><p>{ENGLISH * 3}</p></html>"
)
FIELDS = {"meta.title": "Herons", "meta.author": "Ada", "meta.language": "en"}


@effect("clean.extract.meta")
def test_meta() -> None:
    assert FIELDS.items() <= extracted(STATED).items()
    assert str(extracted(STATED)["meta.date"]) == "2024-05-01"
    assert not any(name.startswith("meta.") for name in extracted(STATED, meta="none"))


# select

ITEMS = (
    "<html><body><h1>Herons</h1><div class='item' id='grey'><h2>Grey <i>heron</i></h2>"
    "<p class='price'>1 <b>EUR</b></p><p>It stands in the shallow water.</p></div>"
    "<div class='item'><h2>Egret</h2></div><div class='item'></div></body></html>"
)


def selected(page: str | bytes, **given: Any) -> list[dict[str, Any]]:
    html = page.encode() if isinstance(page, str) else page
    uri = {"uri": "http://a.org/b", "html": html, "content_type": "text/html"}
    return applied("select", batch([uri]), **given)


@effect("clean.select.css")
@refused("clean.select.css")
def test_css() -> None:
    page, *found = selected(ITEMS, css="div.item")
    assert (page["drop.rule"], page["drop.value"]) == ("parted", "into 3")
    assert [row["uri"].partition("#")[2] for row in found] == ["grey", "select-2", "select-3"]
    assert [row["drop.rule"] for row in found] == [None, None, "no-text"]
    assert [row["text"] for row in selected(ITEMS, css="h2")[1:]] == ["Grey heron", "Egret"]
    for wrong in ("div[", "", "p::text"):
        assert "is no CSS selector" in said(tree({"select": {"css": wrong}}))
        assert "is no CSS selector" in said(tree({"select": wrong}))


@effect("clean.select.text")
@refused("clean.select.text")
def test_select_text() -> None:
    found = selected(ITEMS, css="div.item", text="h2")[1:]
    assert [row["text"] for row in found] == ["Grey heron", "Egret", ""]
    assert "is no CSS selector" in told("select", css="p", text="h2[")


@effect("clean.select.fields")
@refused("clean.select.fields")
def test_fields() -> None:
    fields = {"price": "p.price::text", "label": "h2", "me": "::attr(id)"}
    found = selected(ITEMS, css="div.item", fields=fields)[1:]
    assert [(row["meta.price"], row["label"], row["meta.me"]) for row in found] == [
        ("1", "Grey heron", "grey"), (None, "Egret", None), (None, None, None),
    ]  # fmt: skip
    names = [list(selected(ITEMS, css="p", fields=dict(order))[0]) for order in (
        fields.items(), reversed(fields.items()),
    )]  # fmt: skip
    assert names[0] != names[1]
    for wrong, message in (
        ({"subject": "h2"}, "`subject` is a column that no field fills"),
        ({"text": "h2"}, "is the setting `text`"),
        ({"a b": "h2"}, "is no name of a field"), ({"a": "h2["}, "is no CSS selector"),
        ({"a": " "}, "the selector is empty"),
    ):  # fmt: skip
        assert message in told("select", css="p", fields=wrong)


@effect("clean.select.max_elements")
@extreme("clean.select.max_elements")
def test_max_elements() -> None:
    (page,) = selected(ITEMS, css=".item", max_elements=2)
    assert (page["drop.rule"], page["drop.value"]) == ("elements <= 2", "elements=3")
    for most in (3, 1 << 40):
        assert len(selected(ITEMS, css=".item", max_elements=most)) == 4
    assert selected(ITEMS, css=".item", max_elements=1)[0]["drop.rule"] == "elements <= 1"
    assert "max_elements" in told("select", css="p", max_elements=0)


@effect("clean.select.max_bytes")
@extreme("clean.select.max_bytes")
def test_select_max_bytes() -> None:
    page = ITEMS.ljust(1500)
    assert len(selected(page, css=".item", max_bytes=1500)) == 4
    assert selected(page, css=".item", max_bytes=1499)[0]["drop.rule"] == "html_bytes <= 1499"
    assert len(selected(page, css=".item", max_bytes=1 << 40)) == 4
    assert "at least" in said(tree({"select": {"css": "p", "max_bytes": 999}}))


@effect("clean.select.max_undecodable")
@extreme("clean.select.max_undecodable")
def test_select_max_undecodable() -> None:
    broken = b"<meta charset=utf-8><p>" + ENGLISH.encode() * 3 + b"\xff" * 5 + b"</p>"
    assert "cannot be decoded" in selected(broken, css="p")[0]["error"]
    for share, count in ((0, 1), (0.1, 2), (1, 2)):
        assert len(selected(broken, css="p", max_undecodable=share)) == count
    for wrong in (-0.1, 1.1):
        assert "max_undecodable" in told("select", css="p", max_undecodable=wrong)


@effect("clean.select.meta")
def test_select_meta() -> None:
    assert FIELDS.items() <= selected(STATED, css="p")[1].items()
    assert not any(name.startswith("meta.") for name in selected(STATED, css="p", meta="none")[1])


# chunk

LONG = "One two three. Four five six seven. Eight nine ten."


def chunked(text: str, **given: Any) -> list[str]:
    return [row["text"] for row in applied("chunk", texts(text), **given)[1:]]


@effect("clean.chunk.at_most")
@extreme("clean.chunk.at_most")
def test_at_most() -> None:
    assert chunked(LONG) == chunked(LONG, at_most=10) == chunked(LONG, at_most=1 << 40) == []
    assert chunked(LONG, at_most=7) == ["One two three. Four five six seven.", "Eight nine ten."]
    assert len(chunked(LONG, at_most=1)) == 10
    assert "at_most" in told("chunk", at_most=0)


@effect("clean.chunk.unit")
def test_unit() -> None:
    assert len(chunked(LONG, at_most=40)) == 0
    assert chunked(LONG, at_most=40, unit="characters") == [
        "One two three. Four five six seven.", "Eight nine ten.",
    ]  # fmt: skip


@effect("clean.chunk.overlap")
@extreme("clean.chunk.overlap")
@refused("clean.chunk.overlap")
def test_overlap() -> None:
    assert chunked(LONG, at_most=7, overlap=0) == chunked(LONG, at_most=7)
    assert chunked(LONG, at_most=7, overlap=3)[1] == "five six seven. Eight nine ten."
    assert "more than half" in told("chunk", at_most=7, overlap=4)
    assert "overlap" in told("chunk", overlap=-1)


# language


@effect("clean.language.keep")
@name("clean.language.keep")
def test_keep() -> None:
    both = texts(ENGLISH, GERMAN, "ok")
    assert kept("language", both) == [0, 1, 2]
    assert kept("language", both, keep=["en"]) == [0]
    assert kept("language", both, keep=["de", "unknown"]) == [1, 2]
    for wrong, near in (("jp", "ja"), ("eng", "en"), ("de-AT", "de"), ("unknwon", "unknown")):
        assert f"no language `{wrong}`; did you mean `{near}`" in told("language", keep=[wrong])
    norwegian = texts("Dette er en helt vanlig setning som er skrevet på norsk bokmål.")
    assert kept("language", norwegian, keep=["nb"]) == [0]


@effect("clean.language.candidates")
@name("clean.language.candidates")
def test_candidates() -> None:
    short = "Casa de papel"
    assert language(short, candidates=["pt"]) == "pt"
    assert language(short, candidates=["it", "es"]) == "es"
    assert language(ENGLISH, candidates=["ja", "zh"]) == "unknown"
    for wrong, near in (("jp", "ja"), ("eng", "en"), ("de-AT", "de")):
        assert f"no language `{wrong}`; did you mean `{near}`" in told(
            "language", candidates=[wrong]
        )
    assert "no candidate" in told("language", candidates=["en", "unknown"])
    assert "none of the `candidates`" in told("language", candidates=["en"], keep=["de"])


def language(text: str, **given: Any) -> str:
    (row,) = applied("language", texts(text), **given)
    return str(row["signal.language"])


@effect("clean.language.min_score")
@extreme("clean.language.min_score")
def test_min_score() -> None:
    (row,) = applied("language", texts("information station"), min_score=0)
    score = row["signal.language_score"]
    assert 0 < score < 1
    assert row["signal.language"] != "unknown"
    assert language("information station", min_score=score) != "unknown"
    for least in (score + 1e-4, 1):
        assert language("information station", min_score=least) == "unknown"
    for wrong in (-0.1, 1.1, float("nan")):
        assert "min_score" in told("language", min_score=wrong)


@effect("clean.language.min_letters")
@extreme("clean.language.min_letters")
@refused("clean.language.min_letters")
def test_min_letters() -> None:
    assert language("Der Reiher!", min_letters=9) == "de"
    assert language("Der Reiher!", min_letters=10) == "unknown"
    assert language("日本", min_letters=1, min_score=0) != "unknown"
    assert language("", min_letters=1) == "unknown"
    assert "min_letters" in told("language", min_letters=0)
    assert "all would be `unknown`" in told("language", min_letters=2001)


@effect("clean.language.max_chars")
@extreme("clean.language.max_chars")
def test_max_chars() -> None:
    mixed = ENGLISH * 30 + GERMAN * 3 + ENGLISH * 30
    assert language(mixed, max_chars=100) == "de"
    assert language(mixed) == "en"
    assert language(mixed, max_chars=1 << 40) == "en"
    assert "max_chars" in told("language", max_chars=99)


# normalize


def normalized(text: str, **given: Any) -> str:
    (row,) = applied("normalize", texts(text), **given)
    return str(row["text"])


@effect("clean.normalize.form")
def test_form() -> None:
    assert normalized("e\u0301 ﬁ") == "é ﬁ"
    assert normalized("e\u0301 ﬁ", form="NFKC") == "é fi"
    assert normalized("e\u0301 ﬁ", form="none") == "e\u0301 ﬁ"
    assert normalized("e\u00ad\u0301") == "é"


@effect("clean.normalize.max_blank_lines")
@extreme("clean.normalize.max_blank_lines")
def test_max_blank_lines() -> None:
    text = "a" + "\n" * 4 + "b"
    for most, lines in ((0, 1), (1, 2), (2, 3), (3, 4), (999, 4)):
        assert normalized(text, max_blank_lines=most) == "a" + "\n" * lines + "b"
    assert normalized("a" + "\n" * 1500 + "b", max_blank_lines=999).count("\n") == 1000
    for wrong in (-1, 1000):
        assert "max_blank_lines" in told("normalize", max_blank_lines=wrong)


@effect("clean.normalize.collapse_spaces")
def test_collapse_spaces() -> None:
    assert normalized("  a \t b") == "  a \t b"
    assert normalized("  a \t b", collapse_spaces=True) == " a b"


# redact

PERSONAL = "Write to jane@acme-corp.com or call +1 541-714-1388."


@effect("clean.redact.kinds")
def test_kinds() -> None:
    def text(**given: Any) -> str:
        return str(applied("redact", texts(PERSONAL), **given)[0]["text"])

    assert text() == "Write to [EMAIL] or call [PHONE]."
    assert text(kinds=["email"]) == "Write to [EMAIL] or call +1 541-714-1388."
    assert text(kinds=["phone"]) == "Write to jane@acme-corp.com or call [PHONE]."
    assert "at least 1" in told("redact", kinds=[])


@name("clean.redact.columns")
def test_a_field_that_is_not_there_is_not_passed_over_by_redact() -> None:
    samples = batch([{"text": "a", "meta.author": "bo@firm.se"}])
    (row,) = applied("redact", samples, columns=["meta.author"])
    assert row["meta.author"] == "[EMAIL]"
    with pytest.raises(UsageError) as caught:
        applied("redact", samples, columns=["meta.autor"])
    assert caught.value.hint == "did you mean `meta.author`?"


@effect("clean.redact.columns")
@refused("clean.redact.columns")
def test_columns() -> None:
    both = batch([{"text": PERSONAL, "target": PERSONAL}])
    for columns in (["text"], ["target"], ["text", "target"]):
        (row,) = applied("redact", both, columns=columns)
        assert [name for name in ("text", "target") if "[EMAIL]" in row[name]] == columns
        assert row["signal.redacted_email"] == len(columns)
    assert "at least 1" in told("redact", columns=[])
    assert "reads `target`, and nothing before it fills" in said(
        tree({"redact": {"columns": ["target"]}})
    )


# rules


@effect("clean.rules.files")
@name("clean.rules.files")
def test_files(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("about: mine\nrules:\n  - keep: curly_bracket_count < 3\n")
    signals = ("signal.curly_bracket_count", "signal.lorem_ipsum_count")
    measured = batch([{**dict.fromkeys(signals, n), "signal.sentence_count": 9} for n in (0, 1, 5)])
    assert kept("rules", measured, files=["c4"]) == [0]
    assert kept("rules", measured, files=[str(tmp_path / "own.yaml")]) == [0, 1]
    assert "choose from `c4`" in told("rules", files=["c5"])
    assert "choose from `c4`" in told("rules", files=[str(tmp_path / "nowhere")])
    assert "no rule is given" in said(tree("rules"))


@effect("clean.rules.where")
@name("clean.rules.where")
@refused("clean.rules.where")
def test_where() -> None:
    rows = batch([{"text": "a", "signal.word_count": n} for n in (1, 5)])
    assert kept("rules", rows, where=["word_count > 2"]) == [1]
    assert kept("rules", rows, where=["word_count < 2", "text == 'a'"]) == [0]
    assert "did you mean `word_count`" in said(
        tree("signals", {"rules": {"where": ["wrod_count > 2"]}})
    )
    assert "did you mean `language`" in said(
        tree("language", {"rules": {"where": ["languge == 'en'"]}})
    )
    for unread in ("label_confidence >= 0.9", "word_count > 2", "weight > 1", "split == 'train'"):
        assert "nothing before it fills" in said(tree({"rules": {"where": [unread]}}))


# signals


@effect("clean.signals.names")
@name("clean.signals.names")
def test_names() -> None:
    def measured(**given: Any) -> set[str]:
        (row,) = applied("signals", texts(ENGLISH), **given)
        return {one.removeprefix("signal.") for one in row if one.startswith("signal.")}

    assert measured() == set(SIGNALS)
    assert measured(names=["word_count"]) == {"word_count"}
    assert "no signal `wrod_count`; did you mean `word_count`" in told(
        "signals", names=["wrod_count"]
    )


@effect("clean.signals.functions")
@name("clean.signals.functions")
@refused("clean.signals.functions")
def test_functions(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("def loud(text: str) -> int:\n    return text.count('!')\n")
    (row,) = applied("signals", texts("no! never!"), functions=[f"{file}:loud"])
    assert row["signal.loud"] == 2

    (tmp_path / "a.jsonl").write_text("{}\n")
    source = {"collect": {"a": {"jsonl": {"path": str(tmp_path / "a.jsonl")}}}}

    def planned(spec: str) -> TilthError:
        plan = build_plan(read({**tree({"signals": {"functions": [spec]}}), **source}))
        with pytest.raises((UsageError, MissingError)) as caught:
            step_states(plan, tmp_path / "run")
        return caught.value

    assert planned(f"{file}:luod").hint == "did you mean `loud`?"
    assert "no file" in planned(f"{tmp_path}/other.py:loud").what
    for taken in ("weight", "failed_rules", "label", "word_count", "language"):
        assert f"`{taken}`" in said(tree({"signals": {"functions": [f"{file}:{taken}"]}}))


@effect("clean.signals.reads")
@name("clean.signals.reads")
@refused("clean.signals.reads")
def test_reads(tmp_path: Path) -> None:
    file, words = tmp_path / "own.py", tmp_path / "words.txt"
    file.write_text("def loud(text: str) -> int:\n    return text.count('!')\n")
    (tmp_path / "a.jsonl").write_text("{}\n")
    source = {"collect": {"a": {"jsonl": {"path": str(tmp_path / "a.jsonl")}}}}

    def planned() -> str | None:
        given = {"functions": [f"{file}:loud"], "reads": [str(words)]}
        plan = build_plan(read({**tree({"signals": given}), **source}))
        step_states(plan, tmp_path / "run")
        step = plan.step("clean.signals")
        return step.operation.fingerprint(step.settings)

    with pytest.raises(MissingError, match="a file that functions read cannot be read"):
        planned()
    words.write_text("spam")
    first = planned()
    words.write_text("eggs")
    assert planned() != first
    words.write_text("spam")
    assert planned() == first
    assert "name these in `functions`" in said(tree({"signals": {"reads": [str(words)]}}))
