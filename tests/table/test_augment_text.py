"""The transforms of texts: what each setting does to what training reads, and to which it acts."""

from __future__ import annotations

import pytest

from tests.table.entries import effect, refused
from tests.table.seen import augment, read_texts, texts
from tests.table.whole import changed, said

TREE = {
    "collect": {"a": {"jsonl": {"path": "a.jsonl", "fields": {"label": "label"}}}},
    "augment": [{"text_mask": {"share": 0.5}}],
    "pretrain": {"model": {"kind": "gpt"}},
    "transfer": {"task": "text-classification"},
}


@effect("augment.text_drop.share")
def test_a_share_of_the_tokens_is_left_out() -> None:
    data = texts()
    plain = read_texts([], data)
    for share in (0.0, 0.3, 0.9):
        found = read_texts(augment("text_drop", share=share), data)
        for text, whole in zip(found, plain, strict=True):
            rest = iter(whole)
            assert text
            assert all(token in rest for token in text)
        long = [(a, b) for a, b in zip(found, plain, strict=True) if len(b) >= 10]
        kept = sum(len(a) for a, _ in long) / sum(len(b) for _, b in long)
        assert kept == pytest.approx(1 - share, abs=0.05)


@effect("augment.text_mask.share")
def test_a_share_of_the_tokens_is_replaced() -> None:
    data = texts()
    plain = read_texts([], data)
    for share in (0.0, 0.3, 1.0):
        found = read_texts(augment("text_mask", share=share), data)
        assert [len(text) for text in found] == [len(text) for text in plain]
        pairs = [pair for two in zip(found, plain, strict=True) for pair in zip(*two, strict=True)]
        other = sum(a != b for a, b in pairs) / len(pairs)
        # One in 29 is replaced by itself.
        assert other == pytest.approx(share * 28 / 29, abs=0.03)


@effect("augment.text_swap.distance")
def test_a_token_moves_so_far_at_most() -> None:
    data = texts()
    plain = read_texts([], data)
    for distance in (0, 1, 4):
        found = read_texts(augment("text_swap", distance=distance), data)
        furthest = 0
        for text, whole in zip(found, plain, strict=True):
            assert sorted(text) == sorted(whole)
            if len(set(whole)) == len(whole):
                moves = [abs(whole.index(token) - place) for place, token in enumerate(text)]
                furthest = max(furthest, *moves)
        assert furthest == distance


@refused("augment.text_drop.share", "augment.text_mask.share", "augment.text_swap.distance")
def test_where_no_model_takes_them() -> None:
    assert not said(TREE)
    alone = {key: value for key, value in TREE.items() if key != "transfer"}
    assert "`text_mask` changes tokens, and no training stage takes those" in said(alone)
    nothing = {key: value for key, value in alone.items() if key != "pretrain"}
    assert "no training stage takes those (transforms act in training: add" in said(nothing)
    by_words = changed(TREE, "transfer/methods", ["tfidf-svm"])
    assert "no training stage takes those" in said(by_words)
    # The models of `value` are fine-tuned on that task all the same.
    assert not said({**by_words, "value": {"arms": {"mask": {"same": True}}, "budget": 5}})
    target = {"target": {"task": "text-classification"}, "budget": 5}
    assert not said({**alone, "value": {"arms": {"mask": {"same": True}}, **target}})


@refused("augment.text_mask.share")
@pytest.mark.parametrize(
    "arm", [{"without": "augment.text_mask"}, {"set": {"augment.text_mask": {"share": 0.9}}}]
)
def test_an_arm_over_what_no_measured_model_takes(arm: dict[str, object]) -> None:
    value = {"arms": {"mask": arm}, "budget": 5, "target": "none"}
    told = said({**TREE, "value": value})
    assert "arm `mask` changes `augment.text_mask`" in told
    assert "no model that `value` trains takes" in told
    assert "value.arms.mask" in told
    # Carried over to the task of `transfer`, the models take it.
    assert not said(changed({**TREE, "value": value}, "value/target", None))
    own = {"task": "text-classification", "optimizer": {}}
    assert not said(changed({**TREE, "value": value}, "value/target", own))
