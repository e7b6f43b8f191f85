"""Formulas of Office (OMML, ECMA-376-1, 22.1) in a line, as those of web pages are typed."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final
from zipfile import ZIP_STORED, ZipFile

from lxml import etree

from tilth.formats.kept import typed
from tilth.formats.package import Package

# Of an element the parts that count, in the order that MathML has them.
_ELEMENTS: Final = {
    "f": ("mfrac", ("num", "den")),
    "sSup": ("msup", ("e", "sup")),
    "sSub": ("msub", ("e", "sub")),
    "sSubSup": ("msubsup", ("e", "sub", "sup")),
    "sPre": ("mrow", ("sub", "sup", "e")),
    "limLow": ("munder", ("e", "lim")),
    "limUpp": ("mover", ("e", "lim")),
    "m": ("mtable", ("mr",)),
    "mr": ("mtr", ("e",)),
    "eqArr": ("mtable", ("e",)),
}
_MAX_DEPTH: Final = 50
_SPACE: Final = "{http://www.w3.org/XML/1998/namespace}space"


def with_formulas(data: bytes, package: Package) -> bytes:
    """A DOCX in which each formula is a run of text; the same where it has none.

    What makes HTML of it leaves them out.

    Args:
        data: The document.
        package: Its members.

    Raises:
        RecordError: A member with formulas is damaged.
    """
    changed = {}
    for name in package.names:
        if name.startswith("word/") and name.endswith(".xml"):
            content = package.read(name)
            if b"oMath" in content or "oMath".encode("utf-16-le") in content:
                changed[name] = etree.tostring(_as_runs(package.xml(name)), encoding="utf-8")
    if not changed:
        return data
    out = BytesIO()
    with ZipFile(out, "w", ZIP_STORED) as file:
        for name in sorted(package.names):
            file.writestr(name, changed[name] if name in changed else package.read(name))
    return out.getvalue()


def _as_runs(root: Any) -> Any:
    word = root.tag.rpartition("}")[0] + "}"
    found = [one for one in root.iter() if _name(one) in ("oMath", "oMathPara")]
    inside = {id(one) for outer in found for one in outer.iter() if one is not outer}
    for math in found:
        if id(math) in inside:
            continue
        lines = math.iterchildren("{*}oMath") if _name(math) == "oMathPara" else (math,)
        run = etree.Element(f"{word}r")
        text = etree.SubElement(run, f"{word}t")
        text.set(_SPACE, "preserve")
        text.text = " ".join(typed(_as_mathml(one, 0)).strip() for one in lines)
        run.tail = math.tail
        math.getparent().replace(math, run)
    return root


def _name(element: Any) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _as_mathml(element: Any, depth: int) -> Any:
    name = _name(element)
    if name in ("r", "t") or depth > _MAX_DEPTH:
        row = etree.Element("mi")
        row.text = "".join(one.text or "" for one in element.iter("{*}t"))
        return row
    inner = [(_name(one), one) for one in element if _name(one) and not _name(one).endswith("Pr")]
    kind, wanted = _ELEMENTS.get(name, ("mrow", ()))
    if len(wanted) == 1:
        inner = [(part, one) for part, one in inner if part in wanted]
    elif sorted(part for part, _ in inner) != sorted(wanted):
        # It lacks a part, or is another.
        kind = "mrow"
    parts = [_as_mathml(one, depth + 1) for _, one in inner]
    if name == "rad":
        degree = "".join(parts[0].itertext()) if len(parts) == 2 else ""
        kind, parts = ("mroot", parts[::-1]) if degree else ("msqrt", parts[-1:])
    elif name == "nary":
        sign = _row("mo", _value(element, "chr", "∫"))
        parts = [_row("munderover", "", sign, *parts[:2]), *parts[2:]] if len(parts) > 2 else parts
    elif name == "d":
        between = _value(element, "sepChr", "|")
        parts = [one for part in parts for one in (_row("mo", between), part)][1:]
        parts = [
            _row("mo", _value(element, "begChr", "(")),
            *parts,
            _row("mo", _value(element, "endChr", ")")),
        ]
    elif name == "func":
        parts = [part for one in parts for part in (_row("mspace", ""), one)][1:]
    elif name == "eqArr":
        parts = [_row("mtr", "", one) for one in parts]
    return _row(kind, "", *parts)


def _row(kind: str, text: str, *parts: Any) -> Any:
    made = etree.Element(kind)
    made.text = text
    made.extend(parts)
    return made


def _value(element: Any, name: str, otherwise: str) -> str:
    """What a property of an element says."""
    for said in element.iterfind(f"{{*}}{_name(element)}Pr/{{*}}{name}"):
        return next((str(value) for key, value in said.items() if key.endswith("val")), "")
    return otherwise
