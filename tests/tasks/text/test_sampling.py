"""From logits to a token: each setting does what its definition says."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.text.sampling import draw, next_tokens, penalise, probabilities

LOGITS = torch.tensor([[2.0, 1.0, 0.0, -1.0], [0.0, 0.0, 3.0, -2.0]])


def options(**given: float) -> PredictSettings:
    return PredictSettings.model_validate({"temperature": 1.0, **given})


def test_plain_probabilities_are_a_softmax() -> None:
    torch.testing.assert_close(probabilities(LOGITS, options()), LOGITS.double().softmax(-1))


def test_temperature_divides_the_logits() -> None:
    found = probabilities(LOGITS, options(temperature=0.5))
    torch.testing.assert_close(found, (2 * LOGITS.double()).softmax(-1))
    coldest = probabilities(LOGITS, options(temperature=1e-4))
    assert coldest.argmax(-1).tolist() == [0, 2]
    assert coldest.isfinite().all()


def test_top_k_keeps_the_likeliest() -> None:
    found = probabilities(LOGITS, options(top_k=2))
    assert (found > 0).sum(-1).tolist() == [2, 2]
    assert found[0, :2].tolist() == pytest.approx([0.7311, 0.2689], abs=1e-4)
    # Tokens 0 and 1 of the second row are equally likely: the lower number stays.
    assert (found[1] > 0).tolist() == [True, False, True, False]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=12, unique=True), st.floats(0.01, 0.999))
def test_top_p_keeps_the_fewest_that_reach_it(row: list[float], share: float) -> None:
    plain = torch.tensor([row], dtype=torch.float64).softmax(-1)[0]
    kept = probabilities(torch.tensor([row], dtype=torch.float64), options(top_p=share))[0] > 0
    total = float(plain[kept].sum())
    assert total >= share - 1e-9
    assert total - float(plain[kept].min()) < share + 1e-9
    assert float(plain[kept].min()) >= float(plain[~kept].max()) if (~kept).any() else True


def test_a_repeated_token_is_made_less_likely() -> None:
    tokens = torch.tensor([[0, 3, 3], [2, -1, -1]])
    found = penalise(LOGITS, tokens, 2.0)
    assert found.tolist() == [[1.0, 1.0, 0.0, -2.0], [0.0, 0.0, 1.5, -2.0]]
    assert torch.equal(penalise(LOGITS, tokens, 1.0), LOGITS)


def test_a_number_falls_into_the_part_of_its_token() -> None:
    shares = torch.tensor([[0.0, 0.25, 0.75, 0.0]] * 4, dtype=torch.float64)
    numbers = torch.tensor([0.0, 0.2499, 0.25, 0.999999], dtype=torch.float64)
    assert draw(shares, numbers).tolist() == [1, 1, 2, 2]


def test_at_temperature_0_the_likeliest_is_taken() -> None:
    tokens = torch.full((2, 1), -1)
    found = next_tokens(LOGITS, tokens, torch.tensor([0.99, 0.99]), options(temperature=0))
    assert found.tolist() == [0, 2]
