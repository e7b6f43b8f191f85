"""What the web's encodings make of bytes, asked of Chromium: `python -m benchmarks.encodings`.

Drives Debian's `chromium` headless over pages of its own, with every byte, every pair of bytes,
every sequence of four that GB 18030 has, and strings drawn at random, and writes

- `src/tilth/decode/encodings.json`: labels, the tables of encodings of one byte, and where the
  tables of Python's codecs differ in the others;
- `tests/decode/chromium.json`: a digest of what each encoding makes of each set of sequences,
  which `tests/decode/test_encodings.py` compares with what Tilth makes of them.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
TABLES: Final = ROOT / "src/tilth/decode/encodings.json"
DIGESTS: Final = ROOT / "tests/decode/chromium.json"
_FLAGS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
)
# Of more than one byte a character, and the codec of Python's that is nearest.
CODECS: Final = {
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "euc-jp": "euc_jp",
    "iso-2022-jp": "euc_jp",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
}
_PLAIN: Final = ("utf-8", "utf-16be", "utf-16le", "replacement")
# Where Chromium 150 gives half a surrogate, and the standard two characters (Big5, 11.1.1).
_MENDED: Final = (
    ("\x93\udf04", "\u00ca\u0304"),
    ("\x93\udf0c", "\u00ca\u030c"),
    ("\xb3\udf04", "\u00ea\u0304"),
    ("\xb3\udf0c", "\u00ea\u030c"),
)
# Where Chromium 150 is not as the standard: it keeps in mind that a character had three bytes, and
# drops what follows an escape that is none.
_ODD: Final = {
    "euc-jp": re.compile(rb"\x8f[\xa1-\xfe][^\xa1-\xfe]"),
    "iso-2022-jp": re.compile(rb"\x1b(?:\((?![BJI])|\$(?![@B]))"),
}
_NUM_DRAWN: Final = 4000
_SPECIAL: Final = bytes.fromhex("1b1b1b2428424a4940303139390a5c7e808e8fa0a1fdfeff")


def probes(encoding: str) -> dict[str, Iterator[bytes]]:
    """The sequences that an encoding is asked for, by the name of the set."""
    found: dict[str, Iterator[bytes]] = {
        "bytes": (bytes((one,)) for one in range(256)),
        "drawn": _drawn(),
    }
    if encoding in CODECS:
        found["pairs"] = _pairs(b"")
    if encoding == "euc-jp":
        found["threes"] = (
            bytes((0x8F, one, two)) for one in range(0xA0, 256) for two in range(256)
        )
    if encoding == "gb18030":
        found["fours"] = (
            bytes((one, two, three, four))
            for one in range(0x81, 0xFF)
            for two in range(0x30, 0x3A)
            for three in range(0x81, 0xFF)
            for four in range(0x30, 0x3A)
        )
    if encoding == "iso-2022-jp":
        for name, escape in (("kanji", b"\x1b$B"), ("roman", b"\x1b(J"), ("kana", b"\x1b(I")):
            found[name] = _pairs(escape)
    if (odd := _ODD.get(encoding)) is not None:
        return {name: filter(lambda one: odd.search(one) is None, found[name]) for name in found}
    return found


def _pairs(before: bytes) -> Iterator[bytes]:
    return (before + bytes((one, two)) for one in range(256) for two in range(256))


def _drawn() -> Iterator[bytes]:
    """By Marsaglia's xorshift, which is the same in two languages."""
    state = 2463534242
    for _ in range(_NUM_DRAWN):
        drawn = []
        for _ in range(25):
            state ^= (state << 13) & 0xFFFFFFFF
            state ^= state >> 17
            state ^= (state << 5) & 0xFFFFFFFF
            drawn.append(state)
        size = drawn[0] % 24 + 1
        yield bytes(
            _SPECIAL[(one >> 8) % len(_SPECIAL)] if one % 3 == 0 else one >> 24
            for one in drawn[1 : size + 1]
        )


def digest(texts: Iterable[str]) -> str:
    """Of texts in their order, however they are cut."""
    found = sha256()
    for text in texts:
        data = text.encode("utf-16-le", "surrogatepass")
        found.update(len(data).to_bytes(2, "little") + data)
    return found.hexdigest()[:32]


_PAGE: Final = """<!doctype html><pre id=o></pre><script>
const told = [];
const said = s => { let t = ''; for (let i = 0; i < s.length; i++)
  t += (i ? '.' : '') + s.charCodeAt(i).toString(36); told.push(t); };
SCRIPT
o.textContent = '[[' + told.join(' ') + ']]';
</script>"""
_DECODE: Final = """
const data = Uint8Array.from(atob('DATA'), c => c.charCodeAt(0));
for (let at = 0; at < data.length; at += data[at] + 1) {
  const decoder = new TextDecoder('LABEL', {ignoreBOM: true});
  said(decoder.decode(data.subarray(at + 1, at + 1 + data[at])));
}
"""
_LABELS: Final = """
for (const label of LABELS) {
  try { said(new TextDecoder(label).encoding) } catch (e) { said('replacement') }
}"""
_QUERIES: Final = """
const a = document.createElement('a');
for (let c = 0x80; c < 0x30000; c += c < 0x20000 ? 1 : 97) {
  if (c >= 0xd800 && c < 0xe000) continue;
  a.href = 'http://h/?' + String.fromCodePoint(c);
  said(a.search);
}"""


def ask(script: str, head: bytes = b"") -> list[str]:
    """What a page's script said."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_bytes(head + _PAGE.replace("SCRIPT", script).encode("ascii"))
        command = ["chromium", *_FLAGS, f"--user-data-dir={folder}/user", "--dump-dom"]
        done = subprocess.run(
            [*command, page.as_uri()], check=True, capture_output=True, timeout=600
        )
    told = done.stdout.partition(b"[[")[2].partition(b"]]")[0].decode("ascii")
    return [
        "".join(chr(int(unit, 36)) for unit in one.split(".") if unit) for one in told.split(" ")
    ]


def decoded(encoding: str, sequences: Iterable[bytes]) -> list[str]:
    """What Chromium's TextDecoder makes of each sequence."""
    data = base64.b64encode(b"".join(bytes((len(one),)) + one for one in sequences)).decode()
    found = ask(_DECODE.replace("LABEL", encoding).replace("DATA", data))
    return [mended(text) for text in found] if encoding == "big5" else found


def mended(text: str) -> str:
    """What the standard says, where Chromium does not."""
    for wrong, right in _MENDED:
        text = text.replace(wrong, right)
    return text


def query_characters() -> Iterator[str]:
    """The characters that a query is asked for, each by itself."""
    code = 0x80
    while code < 0x30000:
        if not 0xD800 <= code < 0xE000:
            yield chr(code)
        code += 1 if code < 0x20000 else 97


def tables(labels: Mapping[str, str]) -> dict[str, object]:
    """What `encodings.json` holds.

    Args:
        labels: Of each label its encoding.
    """
    names = sorted({*labels.values()})
    told: dict[str, str] = {
        name: " ".join(sorted(label for label in labels if labels[label] == name)) for name in names
    }
    singles = {
        name: "".join(decoded(name, (bytes((byte,)) for byte in range(128, 256))))
        for name in names
        if name not in (*CODECS, *_PLAIN, "x-user-defined")
    }
    differ = {name: _differing(name) for name in CODECS if name != "iso-2022-jp"}
    return {"labels": told, "singles": singles, "codecs": CODECS, "differ": differ}


def _differing(name: str) -> dict[str, str]:
    """Where Chromium's table differs from that of a codec; empty: Chromium has nothing there."""
    leads = [b"", b"\x8f"] if name == "euc-jp" else [b""]
    tokens = [
        lead + bytes((one, two))
        for lead in leads
        for one in range(0xA1 if lead else 0x81, 255)
        for two in range(0xA1 if lead else 0x30, 255)
    ]
    if name == "gb18030":
        tokens += probes(name)["fours"]
    found = {}
    for token, text in zip(tokens, decoded(name, tokens), strict=True):
        # Put together of two halves, as JavaScript has them.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        if name == "shift_jis" and not _is_lead(token[0]):
            continue
        try:
            ours = token.decode(CODECS[name])
        except UnicodeDecodeError:
            ours = ""
        theirs = text if "\ufffd" not in text or text == ours else ""
        if ours != theirs:
            found[token.hex()] = theirs
    return found


def _is_lead(byte: int) -> bool:
    """Whether a byte of Shift_JIS is half of a character."""
    return 0x81 <= byte <= 0x9F or 0xE0 <= byte <= 0xFC


def main() -> None:
    """Ask, and write both files."""
    from tilth.decode.encodings import all_labels

    asked = sorted(all_labels())
    answers = ask(_LABELS.replace("LABELS", json.dumps(asked)))
    labels = dict(zip(asked, answers, strict=True))
    _write(TABLES, tables(labels))
    names = sorted({*answers} - {"replacement"})
    digests = {
        name: {one: digest(decoded(name, sequences)) for one, sequences in probes(name).items()}
        for name in names
    }
    queries = {
        name: digest(ask(_QUERIES, f"<meta charset={name}>".encode()))
        for name in names
        if name not in (*_PLAIN, "x-user-defined")
    }
    _write(DIGESTS, {"decoded": digests, "queries": queries})


def _write(path: Path, content: object) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=0, separators=(",", ":"))
    path.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
