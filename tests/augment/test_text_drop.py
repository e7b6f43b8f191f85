"""Some tokens are left out, and the others keep their order."""

from __future__ import annotations

from tests.augment.texts import keys, rows, texts_of
from tilth.augment.tokens import text_drop


def _is_part(part: list[int], whole: list[int]) -> bool:
    rest = iter(whole)
    return all(token in rest for token in part)


def test_the_share_is_met_and_order_kept() -> None:
    given = rows(2_000)
    found = text_drop.transform(given, keys(2_000), text_drop.Settings(share=0.2))
    before, after = texts_of(given), texts_of(found)
    assert all(_is_part(part, whole) for part, whole in zip(after, before, strict=True))
    kept = sum(map(len, after)) / sum(map(len, before))
    assert abs(kept - 0.8) < 0.01


def test_one_token_stays() -> None:
    given = rows(500)
    found = text_drop.transform(given, keys(500), text_drop.Settings(share=0.999))
    assert [len(text) for text in texts_of(found)] == [min(len(t), 1) for t in texts_of(given)]
