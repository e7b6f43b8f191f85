"""Personal data: what is found, what is left, what it costs, and precision and recall."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.growth.measure import least_s
from tilth.clean import personal, redact
from tilth.clean.addresses import Span
from tilth.clean.personal import FINDERS, Kind, has_luhn, has_mod_97
from tilth.clean.redact import Settings

GOLD: dict[Kind, str] = {
    "email": "EMAIL_ADDRESS",
    "iban": "IBAN_CODE",
    "card": "CREDIT_CARD",
    "ip": "IP_ADDRESS",
    "phone": "PHONE_NUMBER",
}
# Floors below what was measured: precision and recall.
FLOORS: dict[Kind, tuple[float, float]] = {
    "email": (0.98, 0.98),
    "iban": (0.98, 0.98),
    "card": (0.98, 0.92),  # the rest are in ranges that no issuer uses
    "ip": (0.98, 0.98),
    "phone": (0.95, 0.90),  # the rest are bare numbers with no word beside them
}


def clean(text: str) -> str:
    return redact.redact(text, get_args(Kind))[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to jane.doe+x@mail.uni-bonn.de.", "write to [EMAIL]."),
        ("<ann@post.fr>, bob@a.io", "<[EMAIL]>, [EMAIL]"),
        ("用户@例子.中国", "[EMAIL]"),
        ("from 8.8.8.8:53 to 2607:f8b0:4005::200e", "from [IP]:53 to [IP]"),
        ("DE89 3704 0044 0532 0130 00 and so on", "[IBAN] and so on"),
        ("GB82WEST12345698765432.", "[IBAN]."),
        ("card 4111 1111 1111 1111, 378282246310005", "card [CARD], [CARD]"),
        ("+49 (0)30 901820-0 or call 030 901820", "[PHONE] or call [PHONE]"),
        ("+46 (0)8 928 571 38 fax, (579)888-3058x12", "[PHONE] fax, [PHONE]"),
        ("ring 001-518-640-0854; Phone:\n467 3395", "ring [PHONE]; Phone:\n[PHONE]"),
        ("03.93.92.16.85 or 541-714-1388", "[PHONE] or [PHONE]"),
        ("Tel:541-714-1388 Fax:0490 75 40 81", "Tel:[PHONE] Fax:[PHONE]"),
        ("Phone:(541) 714-1388, PHONE NUMBER:467 3395", "Phone:[PHONE], PHONE NUMBER:[PHONE]"),
        ("call me:541-714-1388 or mob:+46 8 928 571 38", "call me:[PHONE] or mob:[PHONE]"),
        ("card:4111-1111-1111-1111, Visa:4111111111111111", "card:[CARD], Visa:[CARD]"),
    ],
)
def test_found(text: str, expected: str) -> None:
    assert clean(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "user@example.com, a@b.test, root@localhost, git@github.com:x/y.git, icon@2x.png",
        "@decorator.call, pkg@1.2.3, a @ b.T, noreply@shop.com",
        "127.0.0.1, 10.1.2.3, 192.168.0.1, 192.0.2.7, 0.0.0.0, 255.255.255.255, ::1, fe80::1",
        "version 4.0.0.1, numpy==1.22.3.4, v1.2.3.4, section 8.2.4.44, 1.2.3.4.5, 300.1.2.3",
        "std::vector, dead::beef, a[1:2:3], 12:34:56, 00:1A:2B:3C:4D:5E",
        "ISBN 978-0-306-40615-7, ISBN 0-306-40615-2, doi 10.1000/182",
        "4111111111111112, 1234567890123456, 0.4111111111111111, 4111111111111111.5",
        "0000000000000000, 1700000000000000000",
        "GB82WEST12345698765433, DE8937040044053201300, AB12345678901234567",
        "2024-01-15, 15.01.2024, 01-02-2024 10:30, 1999 2000 2001",
        "sha 9f86d081884c7d659a2feaa0c55ad015, uuid 123e4567-e89b-12d3-a456-426614174000",
        "[1.5, 2.25, 3.125], 1 000 000, 1,000,000.00, 10 20 30 40 50, 3.14159265358979",
        "RFC 2822, port 8080, x = 123456789, 0x12345678, pages 123-145",
        "at 12:30, 1:541-714-1388, name:541-714-1388, version:02.15.01.22, id:4111111111111111",
        "hotel:541-714-1388, cafe::me:541, 2001:tel:0490, 16:0490 75 40 81, #541-714-1388",
    ],
)
def test_left_alone(text: str) -> None:
    assert clean(text) == text


@given(st.permutations(["8.8.8.8", "2a00:abcd::beef", "9.9.9.9", "2a00:abcd::cafe"]))
def test_addresses_of_both_kinds_are_found_in_any_order(addresses: list[str]) -> None:
    text = " and ".join(addresses)
    assert clean(text) == " and ".join(["[IP]"] * 4)
    assert [text[start:end] for start, end in FINDERS["ip"](text)] == addresses


# Two words of each script, as they stand before and after what is planted.
BETWEEN = {
    "Latin": ("bitte", "danke"),
    "Latin, accented": ("straße", "über"),
    "Cyrillic": ("пишите", "сегодня"),
    "Greek": ("γράψτε", "σήμερα"),
    "Arabic": ("اكتب", "شكرا"),
    "Hebrew": ("כתבו", "היום"),
    "Devanagari": ("पता", "की"),
    "Bengali": ("লিখুন", "ধন্যবাদ"),
    "Thai": ("ติดต่อที่", "ครับ"),
    "Khmer": ("ទាក់ទង", "អរគុណ"),
    "Chinese": ("请联系我们", "谢谢"),
    "Japanese": ("お問い合わせは", "まで"),
    "Korean": ("문의는", "으로"),
}
TOUCHED: dict[Kind, tuple[str, ...]] = {
    "email": ("ann@post.fr", "bo.li+x@mail.uni-bonn.de", "j_doe99@gmail.com", "123456@qq.com"),
    "iban": ("DE89370400440532013000", "GB82 WEST 1234 5698 7654 32"),
    "card": ("4111111111111111", "4111 1111 1111 1111", "5555-5555-5555-4444"),
    "ip": ("8.8.8.8", "81.2.69.160", "2607:f8b0:4005:0:0:0:0:200e", "2a00:abcd::beef"),
    "phone": ("541-714-1388", "+46 (0)157 548 89", "+49 30 901820", "+8613812345678"),
}
FORMS = (
    "{0}{1}{2}",
    "{0} {1}{2}",
    "{0}{1} {2}",
    "{0} {1} {2}",
    "{0}\uff1a{1}\uff0c{2}",
    "{0}:{1},{2}",
)


@pytest.mark.parametrize("script", BETWEEN)
@pytest.mark.parametrize("kind", TOUCHED)
def test_found_between_letters_of_any_script(kind: Kind, script: str) -> None:
    before, after = BETWEEN[script]
    for form in FORMS:
        if script.startswith("Latin"):
            # A colon after a Latin word may be that of a name and a value. An address in Latin
            # letters has no seam: the words go with it. What a word runs into is its version.
            if form == FORMS[-1] or (form == FORMS[2] and kind == "ip"):
                continue
            before, after = ("", "") if kind == "email" else BETWEEN[script]
        for value in TOUCHED[kind]:
            text = form.format(before, value, after)
            assert clean(text) == form.format(before, f"[{kind.upper()}]", after), text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Full-width forms, digits of other scripts, blanks and hyphens that do not break.
        ("ａｎｎ＠ｐｏｓｔ．ｆｒまで", "[EMAIL]まで"),
        ("電話：０３－１２３４－５６７８", "電話：[PHONE]"),
        ("بطاقة ٤١١١١١١١١١١١١١١١", "بطاقة [CARD]"),
        ("फोन: ९८१२३४५६७८", "फोन: [PHONE]"),
        ("+49\u00a030\u00a0901820, 541\u2011714\u20111388", "[PHONE], [PHONE]"),
        # Named as numbers in other languages, or written as mobile ones are there.
        ("هاتف: 0551234567", "هاتف: [PHONE]"),
        ("тел. 8 (916) 123-45-67, 89161234567 звоните", "тел. [PHONE], [PHONE] звоните"),
        ("张三13812345678，电话:010-12345678", "张三[PHONE]，电话:[PHONE]"),
        ("โทร 0812345678", "โทร [PHONE]"),
        ("01012345678로 연락", "[PHONE]로 연락"),
        # Names of any script; one in Latin letters ends where others begin.
        ("用户123@例子.中国", "[EMAIL]"),
        ("ann@例子.中国, müller@straße.de", "[EMAIL], [EMAIL]"),
        ("иван@почта.рф и ผู้ใช้@ตัวอย่าง.ไทย", "[EMAIL] и [EMAIL]"),
        ("a@b.co+x@c.de ...eve@post.fr", "[EMAIL][EMAIL] ...[EMAIL]"),
        # What begins like one hides none behind it.
        ("AB12 and then DE89 3704 0044 0532 0130 00", "AB12 and then [IBAN]"),
    ],
)
def test_found_as_it_is_written_elsewhere(text: str, expected: str) -> None:
    assert clean(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "共123456789个, 13812345678元, 订单号20240115123456",
        "2024年10月12日, ٢٠٢٤-٠١-١٥, 第１２３４５６７号",
        "価格：１２，３４５円（税込）, 九百九十九",
        "数据v4111111111111111, a4111111111111111",
    ],
)
def test_left_alone_in_other_scripts(text: str) -> None:
    assert clean(text) == text


def test_check_digits() -> None:
    assert has_luhn("79927398713")
    assert not has_luhn("79927398710")
    assert not has_luhn("0000000000000000")
    assert has_mod_97("GB82WEST12345698765432")
    assert not has_mod_97("GB83WEST12345698765432")


def test_batch_is_rewritten_and_counted() -> None:
    batch = pa.RecordBatch.from_pydict(
        {
            "text": pa.array(["a@b.io, c@d.io and 8.8.8.8", None, "nothing"], pa.large_string()),
            "target": ["x@y.org", None, None],
        }
    )
    result = redact.apply(batch, Settings())
    assert result["text"].to_pylist() == ["[EMAIL], [EMAIL] and [IP]", None, "nothing"]
    assert result["text"].type == pa.large_string()
    assert result["signal.redacted_email"].to_pylist() == [2, 0, 0]
    assert result["signal.redacted_ip"].to_pylist() == [1, 0, 0]
    assert result["target"][0].as_py() == "x@y.org"
    both = redact.apply(batch, Settings(kinds=("email",), columns=("text", "target")))
    assert both["target"][0].as_py() == "[EMAIL]"
    assert both["signal.redacted_email"].to_pylist() == [3, 0, 0]
    assert "signal.redacted_ip" not in both.schema.names


def test_what_was_redacted_stays_redacted() -> None:
    once = clean("a@b.io 8.8.8.8 4111 1111 1111 1111 GB82WEST12345698765432 541-714-1388")
    assert once == "[EMAIL] [IP] [CARD] [IBAN] [PHONE]"
    assert clean(once) == once


@pytest.mark.parametrize("kind", FINDERS)
def test_time_is_linear(kind: Kind) -> None:
    units = ["a", "a.", "a@", "a@b.", ".", ":", "1:", "::1 ", "GB00", "GB 12 ", "4 ", "4", "4-"]
    units += [
        "tel:",
        "tel:541-",
        "card:4",
        "1.",
        "1 ",
        "+1",
        "(",
        "0123 ",
        "phone ",
        "phone 12 ",
        "12 ",
        "1-",
        "(1) ",
        "é",
        "中@",
        "中4 ",
        "a@中.",
        "1.1.1.1 ",
        "aa1.1.1.1",
        "2a00:abcd::beef",
    ]

    def find() -> None:
        for unit in units:
            list(FINDERS[kind](unit * (100_000 // len(unit))))

    # 24 texts of 100 kB; a quadratic pattern would take minutes.
    assert least_s(find, 10) < 10


def test_precision_and_recall(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On 1,500 sentences with gold spans; a span counts when it covers the gold one."""
    samples = json.loads((shared_data / "pii-presidio-v2/synth_dataset_v2.json").read_text())
    lines = []
    for kind, label in GOLD.items():
        found = right = gold_total = 0
        for sample in samples:
            text = sample["full_text"]
            gold = [
                (span["start_position"], span["end_position"])
                for span in sample["spans"]
                if span["entity_type"] == label
            ]
            taken = [
                span
                for other, find in FINDERS.items()
                if list(FINDERS).index(other) < list(FINDERS).index(kind)
                for span in find(text)
            ]
            spans = [
                (start, end)
                for start, end in FINDERS[kind](text)
                if not any(start < e and s < end for s, e in taken)
            ]
            gold_total += len(gold)
            found += len(spans)
            right += sum(any(s <= a and b <= e for s, e in spans) for a, b in gold)
        precision, recall = right / found, right / gold_total
        lines.append(f"{kind:6} precision {precision:.3f} recall {recall:.3f} of {gold_total}")
        assert precision >= FLOORS[kind][0], lines[-1]
        assert recall >= FLOORS[kind][1], lines[-1]
    with capsys.disabled():
        print("\n" + "\n".join(lines))


def _plain_phones(text: str) -> list[Span]:
    """Each candidate against every number that is certain: quadratic, and plain."""
    found = [
        match.span()
        for match in personal._PHONE.finditer(text)
        if personal._has_phone_digits(match.group(), 8)
    ]
    for match in personal._LOOSE_PHONE.finditer(text):
        start, end = match.span()
        if any(start < e and s < end for s, e in found):
            continue
        if not personal._has_phone_digits(match.group(), 7) or personal._DATE.match(match.group()):
            continue
        before = text[max(0, start - personal._CONTEXT_CHARS) : start]
        if personal._CUE_BEFORE.search(before) or personal._CUE_AFTER.match(text, end):
            found.append((start, end))
    return sorted(found)


_PIECES = (
    *("phone ", "fax: ", "541-714-1388", "467 3395", "+49 30 901820", "(08) 8747 6301", "x12"),
    *("555-1234 home", "0490 75 40 81", "2024-01-15", "12", " ", ", ", "-", ".", "\n"),
)


@settings(deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=14).map("".join))
def test_phones_are_those_of_the_plain_search(text: str) -> None:
    assert list(personal.find_phones(text)) == _plain_phones(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Three digits only, and no at sign: what says that it may be one are its colons.
        ("from 2a00:abcd::beef on", "from [IP] on"),
        ("from 2a02:fe:ab:cd:ef:ab:cd:ef on", "from [IP] on"),
        ("ask ann@post.fr", "ask [EMAIL]"),
        ("ring 541-714-1388", "ring [PHONE]"),
        ("from 8.8.8.8", "from [IP]"),
        ("a: b: c, 12 34", "a: b: c, 12 34"),
        ("ａｎｎ＠ｐｏｓｔ．ｆｒ", "[EMAIL]"),
        ("بطاقة ٤١١١١١١١١١١١١١١١", "بطاقة [CARD]"),
    ],
)
def test_a_column_is_looked_through_for_all_that_the_finders_find(text: str, expected: str) -> None:
    batch = pa.RecordBatch.from_pydict({"text": pa.array([text, "nothing"], pa.large_string())})
    assert redact.apply(batch, Settings())["text"].to_pylist() == [expected, "nothing"]


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *("ann@post.fr", "2a00:abcd::beef", "8.8.8.8", "DE89370400440532013000", "é"),
                *("4111 1111 1111 1111", "541-714-1388", "tel: 467 3395", " ", ":", "1", "a"),
            ]
        ),
        max_size=6,
    ).map(" ".join)
)
def test_a_column_is_what_its_texts_are_by_themselves(text: str) -> None:
    batch = pa.RecordBatch.from_pydict({"text": pa.array([text], pa.large_string())})
    assert redact.apply(batch, Settings())["text"].to_pylist() == [clean(text)]


def test_a_column_named_twice_is_counted_once() -> None:
    assert Settings(columns=("text", "text")).columns == ("text",)


PLANTED = {
    "email": ("ann@post.fr", "bo.li@mail.cn"),
    "iban": ("DE89370400440532013000", "GB82WEST12345698765432"),
    "card": ("4111 1111 1111 1111", "5555555555554444"),
    "ip": ("8.8.8.8", "2a00:abcd::beef"),
    "phone": ("541-714-1388", "+46 (0)157 548 89"),
}
NEUTRAL = ("é日本 words", "said", "10.0.0.1", "someone@example.com", "1.2", "in 2024-01-15")
KINDS = st.sampled_from(sorted(PLANTED))


@settings(deadline=None)
@given(
    st.lists(KINDS.flatmap(lambda k: st.tuples(st.just(k), st.sampled_from(PLANTED[k])))),
    st.lists(st.sampled_from(NEUTRAL), min_size=1, max_size=4),
    st.sets(KINDS, min_size=1),
)
def test_what_is_planted_is_counted(
    planted: list[tuple[str, str]], between: list[str], kinds: set[Any]
) -> None:
    parts = []
    for number, (_, value) in enumerate(planted):
        parts += [between[number % len(between)], "; ", value, "; "]
    text = "".join([*parts, between[0]])
    batch = pa.RecordBatch.from_pydict({"text": pa.array([text, None], pa.large_string())})
    out = redact.apply(batch, Settings(kinds=tuple(kinds)))
    for kind in PLANTED:
        name = f"signal.redacted_{kind}"
        count = sum(one == kind for one, _ in planted)
        if kind in kinds:
            assert out[name].to_pylist() == [count, 0]
            assert out["text"][0].as_py().count(f"[{kind.upper()}]") == count
        else:
            assert name not in out.schema.names


def test_fields_beside_the_text_are_looked_in() -> None:
    batch = pa.RecordBatch.from_pydict(
        {
            "text": pa.array(["a", "541-714-1388", None], pa.large_string()),
            "meta.author": pa.array(["bo@firm.se", None, "Bo"], pa.large_string()),
            "meta.to": pa.array([["x", "8.8.8.8"], None, []], pa.list_(pa.large_string())),
            "meta.o": pa.array(
                ['{"tel":5417141388,"n":[1,"bo@firm.se"]}', "{8.8.8.8", None], pa.large_string()
            ),
            "meta.n": pa.array([5417141388, None, 1]),
        }
    )
    out = redact.apply(batch, Settings())
    assert out["meta.author"].to_pylist() == ["[EMAIL]", None, "Bo"]
    assert out["meta.to"].to_pylist() == [["x", "[IP]"], None, []]
    first, second, third = out["meta.o"].to_pylist()
    assert json.loads(first) == {"tel": _inside_json("5417141388"), "n": [1, "[EMAIL]"]}
    assert (second, third) == ("{[IP]", None)
    # A column of numbers is left as it is, and so is what is not named.
    assert out["meta.n"].equals(batch["meta.n"])
    assert out["signal.redacted_email"].to_pylist() == [2, 0, 0]
    assert out["signal.redacted_ip"].to_pylist() == [1, 1, 0]
    for columns in (("text",), ("meta.author", "text")):
        part = redact.apply(batch, Settings(columns=columns))
        assert part["meta.to"].equals(batch["meta.to"])
        assert (part["meta.author"][0].as_py() == "[EMAIL]") == ("meta.author" in columns)


def _inside_json(digits: str) -> Any:
    """Digits alone are a telephone number or not, as the finder of a text says."""
    found, counts = redact.redact(digits, get_args(Kind))
    return found if sum(counts.values()) else int(digits)


@settings(deadline=None)
@given(
    st.recursive(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.text(max_size=4),
            st.sampled_from(sum(PLANTED.values(), ())),
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_json_stays_json(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    clean, counts = redact.redact_field(text, get_args(Kind))
    if isinstance(value, dict | list):
        json.loads(clean)
        assert not sum(redact.redact_field(clean, get_args(Kind))[1].values())
    if not sum(counts.values()):
        assert clean == text


def test_json_with_a_name_twice_is_redacted_as_text() -> None:
    clean, counts = redact.redact_field('{"a": "x", "a": "mia@place.org"}', get_args(Kind))
    assert clean == '{"a": "x", "a": "[EMAIL]"}'
    assert counts["email"] == 1
