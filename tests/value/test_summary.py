"""From cells to verdicts: signs, corrections, clusters, power, warnings."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest

from tilth.statistics.found import Parts
from tilth.transfer.result import Reported
from tilth.value.design import Design
from tilth.value.result import ArmResult, Cell, ValueOutcome, ValueResult
from tilth.value.summary import summarize_experiment

Results = list[tuple[Cell, ValueOutcome]]


def simulate(
    effects: Mapping[str, float],
    *,
    seeds: int = 8,
    noise: float = 0.01,
    lower_is_better: bool = False,
    generator: np.random.Generator,
    shares: tuple[float, ...] = (),
    epochs: float = 1.0,
    clusters: int = 40,
) -> Results:
    """Cells of an experiment whose truth is known: each arm is the control plus its effect."""
    results: Results = []
    shared = 0.2 * generator.normal(size=clusters)

    def add(name: str, seed: int, share: float, value: float) -> None:
        parts = value + shared
        parts += value - parts.mean()
        outcome = ValueOutcome(
            measured=Reported(
                value=value,
                metric="loss" if lower_is_better else "score",
                unit="nats",
                scale=1.0,
                lower_is_better=lower_is_better,
            ),
            # So many tokens a document that a step of the metric is next to nothing.
            parts=Parts(tuple((1e6 * parts).tolist()), (1e6,) * clusters),
            test_samples=clusters,
            items="documents",
            nine_tenths=None,
            seconds=2.0,
            steps=100,
            unique_examples=1000,
            epochs=epochs,
            data_digest=name,
            recipe_digest="",
            notes=(),
        )
        results.append((Cell(arm=name, seed=seed, share=share), outcome))

    for seed in range(seeds):
        base = 2.0 + 0.1 * generator.normal()
        add("control", seed, 1.0, base)
        for name, effect in effects.items():
            add(name, seed, 1.0, base + effect + noise * generator.normal())
        for share in shares:
            add("control", seed, share, base + 0.2 * (share**-0.5 - 1))
    return results


def designs(**signs: int) -> dict[str, Design]:
    return {name: Design(name, name, sign) for name, sign in signs.items()}


def changed(results: Results, **update: object) -> Results:
    """The cells with other outcomes."""
    return [(cell, outcome.model_copy(update=update)) for cell, outcome in results]


def by_name(summary: ValueResult) -> dict[str, ArmResult]:
    json.dumps(summary.as_json(), allow_nan=False)
    return {arm.name: arm for arm in summary.arms}


def numbers(*ends: float | None) -> list[float]:
    """The ends of intervals of which none is open."""
    found = [end for end in ends if end is not None]
    assert len(found) == len(ends)
    return found


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("sign", [1, -1])
def test_positive_is_better(lower: bool, sign: int) -> None:
    """Whatever the metric's direction and whichever side has the decision."""
    worth = 0.1
    raw = worth * sign * (-1 if lower else 1)
    results = simulate({"a": raw}, lower_is_better=lower, generator=np.random.default_rng(0))
    arm = by_name(summarize_experiment(results, designs(a=sign), smallest_effect=0.01))["a"]
    assert arm.verdict == "helps"
    assert arm.effect == pytest.approx(worth, abs=0.02)
    assert arm.headline.startswith("a helps: +0.")
    assert arm.contrast == ("arm - control" if sign > 0 else "control - arm")
    assert arm.test_set_interval is not None
    low, high = numbers(*arm.test_set_interval)
    assert low <= arm.effect <= high
    assert arm.combined_interval is not None
    assert numbers(*arm.combined_interval)[0] <= numbers(arm.low)[0]


def test_four_verdicts_side_by_side() -> None:
    effects = {"good": 0.1, "bad": -0.1, "idle": 0.0}
    results = simulate(effects, generator=np.random.default_rng(1))
    arms = by_name(
        summarize_experiment(results, designs(good=1, bad=1, idle=1), smallest_effect=0.02)
    )
    assert arms["good"].verdict == "helps"
    assert arms["bad"].verdict == "hurts"
    assert arms["idle"].verdict == "no material effect"
    assert arms["good"].more_seeds is None
    for arm in arms.values():
        ends = numbers(arm.adjusted_low, arm.low, arm.mean, arm.high)
        assert ends == sorted(ends)
        adjusted_p, p = numbers(arm.adjusted_p, arm.p)
        assert adjusted_p >= p


def test_undecided_says_what_would_decide() -> None:
    results = simulate({"a": 0.005}, seeds=4, generator=np.random.default_rng(1))
    arm = by_name(summarize_experiment(results, designs(a=1), smallest_effect=0.001))["a"]
    assert arm.verdict == "undecided"
    assert arm.more_seeds is not None
    assert arm.more_seeds >= 1
    # Each seed is one run of the arm and one of the control, two seconds each.
    assert arm.more_cost_s == arm.more_seeds * 4.0


def test_equal_results_of_a_coarse_metric_are_not_certainty() -> None:
    """Two seeds, no test image decided otherwise: that is not `no material effect`."""
    results = simulate({"a": 0.0}, seeds=2, noise=0.0, generator=np.random.default_rng(0))
    coarse = {"metric": "accuracy", "scale": 100.0}
    results = [
        (cell, one.model_copy(update={"measured": one.measured.model_copy(update=coarse)}))
        for cell, one in results
    ]
    results = changed(results, parts=Parts((100.0,) * 40, (1.0,) * 40))
    arm = by_name(summarize_experiment(results, designs(a=1), smallest_effect=0.3))["a"]
    assert arm.verdict == "undecided"
    # Of two seeds nothing is said of how many more: they leave the deviation open.
    assert arm.more_seeds is None
    assert arm.headline.endswith("; how many seeds would decide it, 3 would tell")
    results = changed(results, data_digest="same")
    same = by_name(summarize_experiment(results, designs(a=1), smallest_effect=0.3))["a"]
    assert same.verdict == "nothing changed"
    assert same.headline.startswith("a changed nothing: data and training are exactly")


def test_what_changed_nothing_takes_no_share_of_the_error_probability() -> None:
    """Two arms and one of them the control again: the other is corrected for itself alone."""
    generator = np.random.default_rng(0)
    results = simulate({"a": 0.05, "b": 0.0}, seeds=8, generator=generator)
    alone = [one for one in results if one[0].arm != "b"]
    same = [
        (cell, one.model_copy(update={"data_digest": "x"}) if cell.arm != "a" else one)
        for cell, one in results
    ]
    both = by_name(summarize_experiment(same, designs(a=1, b=1), smallest_effect=0.01))
    one = by_name(summarize_experiment(alone, designs(a=1), smallest_effect=0.01))
    assert both["b"].verdict == "nothing changed"
    assert both["a"].adjusted_p == one["a"].adjusted_p
    assert "corrected for" not in both["a"].headline


def test_a_broken_a_a_arm_is_shouted() -> None:
    results = simulate({"same": 0.1}, generator=np.random.default_rng(0))
    results = changed(results, data_digest="x")
    summary = summarize_experiment(
        results, {"same": Design("nothing", "", 1, is_check=True)}, smallest_effect=0.01
    )
    assert any("do not trust the others" in warning for warning in summary.warnings)


def test_warnings() -> None:
    results = simulate(
        {"a": 0.0}, seeds=4, epochs=6.0, clusters=5, generator=np.random.default_rng(0)
    )
    results[1:2] = changed(results[1:2], steps=50, notes=("said so",))
    summary = summarize_experiment(results, designs(a=1), smallest_effect=0.01, match="epochs")
    text = "\n".join(summary.warnings)
    parts = (
        "fewer than 6",
        "examples (control 6, a 6)",
        "50 steps against",
        "a: said so",
        "5 indep",
    )
    for part in parts:
        assert part in text
    assert text.count("passes over the same examples") == 1


def test_multipliers_are_read_off_the_controls_curve() -> None:
    results = simulate(
        {"half": 0.2 * (0.5**-0.5 - 1), "best": -0.5},
        noise=0.002,
        lower_is_better=True,
        shares=(0.125, 0.25, 0.5),
        generator=np.random.default_rng(0),
    )
    arms = by_name(summarize_experiment(results, designs(half=-1, best=-1), smallest_effect=0.01))
    half, best = arms["half"].data_multiplier, arms["best"].data_multiplier
    assert half is not None
    assert half.state == "read"
    assert half.value == pytest.approx(0.5, rel=0.1)
    assert best is not None
    assert best.text == "> 1x"


@pytest.mark.parametrize("lower", [True, False])
def test_a_multiplier_is_of_errors_whichever_way_the_figure_points(lower: bool) -> None:
    """An arm that errs as often as a quarter of the control's data does is worth that quarter."""

    def value(cell: Cell) -> float:
        share = 0.25 if cell.arm == "quarter" else cell.share
        error: float = 10 * (1 + 0.01 * cell.seed) * share**-0.5
        return error if lower else 100 - error

    results = simulate(
        {"quarter": 0.0}, shares=(0.125, 0.25, 0.5), generator=np.random.default_rng(0)
    )
    results = [
        (
            cell,
            outcome.model_copy(
                update={
                    "measured": outcome.measured.model_copy(
                        update={
                            "value": value(cell),
                            "scale": 100.0,
                            "lower_is_better": lower,
                        }
                    )
                }
            ),
        )
        for cell, outcome in results
    ]
    (arm,) = summarize_experiment(results, designs(quarter=-1), smallest_effect=0.1).arms
    assert arm.data_multiplier is not None
    assert arm.data_multiplier.value == pytest.approx(0.25, rel=1e-3)


def test_1000_a_a_experiments() -> None:
    """Three arms without effect: at most 5 % of the experiments claim one (99 % binomial)."""
    generator, false = np.random.default_rng(20), 0
    for _ in range(1_000):
        results = simulate({"a": 0, "b": 0, "c": 0}, seeds=5, generator=generator, clusters=2)
        summary = summarize_experiment(results, designs(a=1, b=-1, c=1), smallest_effect=0.004)
        false += any(arm.verdict in ("helps", "hurts") for arm in summary.arms)
    assert 15 <= false <= 68


def test_an_arm_has_its_sentence() -> None:
    results = simulate({"scratch": -0.1, "rules": 0.0}, generator=np.random.default_rng(3))
    results = [
        (cell, outcome.model_copy(update={"nine_tenths": outcome.measured.value - 0.03}))
        if cell.arm == "scratch"
        else (cell, outcome)
        for cell, outcome in results
    ]
    made = {
        "scratch": Design("pretrain", "", -1, from_scratch=True),
        "rules": Design("clean.rules", "", -1),
    }
    arms = by_name(summarize_experiment(results, made, smallest_effect=0.001))
    scratch, rules = arms["scratch"], arms["rules"]
    bounds = f"[{scratch.adjusted_low:.4f}, {scratch.adjusted_high:.4f}]"
    assert scratch.headline.startswith(f"pretrain helps: +{scratch.mean:.4f} nats {bounds} (8 ")
    assert "corrected for 2 comparisons" in scratch.headline
    assert "with the test set's 40 documents)" in scratch.headline
    assert scratch.headline.endswith(
        "; from-scratch was cut short: the last tenth of its steps still gained 0.03 nats"
    )
    assert rules.headline.startswith("clean.rules may or may not help on these 40 documents")
    assert rules.headline.endswith(
        f"; {rules.more_seeds} more seeds would decide it with probability 0.8"
    )
    assert not rules.cut_short


def test_two_arms_about_one_decision_are_told_apart() -> None:
    results = simulate({"a": 0.1, "b": 0.1}, generator=np.random.default_rng(0))
    made = {name: Design("clean.rules", "", 1) for name in ("a", "b")}
    arms = by_name(summarize_experiment(results, made))
    assert arms["b"].headline.startswith("clean.rules (b) helps: +")


def test_an_a_a_arm_takes_no_share_of_the_error_probability() -> None:
    """What is claimed of the others is the same with it and without, and it gets what is left."""
    effects = {"a": 0.02, "b": 0.0, "same": 0.0}
    results = simulate(effects, seeds=5, generator=np.random.default_rng(2))
    claims = designs(a=1, b=1)
    alone = by_name(summarize_experiment(results, claims, smallest_effect=0.001))
    check = {"same": Design("nothing", "", 1, is_check=True)}
    both = by_name(summarize_experiment(results, check | claims, smallest_effect=0.001))
    for name in claims:
        assert both[name] == alone[name]
    # The strictest level of two claims: 0.05 / 2, two-sided, 4 degrees of freedom.
    same = both["same"]
    assert same.sd is not None
    assert same.p is not None
    assert same.adjusted_high is not None
    half = 3.495406 * same.sd / np.sqrt(5)
    assert same.adjusted_high - same.mean == pytest.approx(half, rel=1e-4)
    assert same.adjusted_p == pytest.approx(min(2 * same.p, 1))


def test_a_verdict_is_read_at_the_level_that_holms_rule_gives_the_arm() -> None:
    effects = {"a": 0.1, "b": 0.05, "c": 0.0}
    results = simulate(effects, seeds=5, generator=np.random.default_rng(4))
    arms = by_name(summarize_experiment(results, designs(a=1, b=1, c=1), smallest_effect=0.001))
    # Student's quantiles of 4 degrees of freedom at 0.05 / 3, 0.05 / 2 and 0.05, two-sided.
    quantiles = dict(
        zip(
            sorted(arms, key=lambda name: arms[name].p or 1.0),
            (3.960627, 3.495406, 2.776445),
            strict=True,
        )
    )
    for name, arm in arms.items():
        assert arm.sd is not None
        assert arm.adjusted_high is not None
        half = quantiles[name] * arm.sd / np.sqrt(5)
        assert arm.adjusted_high - arm.mean == pytest.approx(half, rel=1e-4), name
    # What is plainly different from nothing is undecided where the level does not reach.
    near = simulate({"a": 0.0145, "b": 0.0, "c": 0.0}, seeds=5, generator=np.random.default_rng(7))
    arm = by_name(summarize_experiment(near, designs(a=1, b=1, c=1), smallest_effect=0.001))["a"]
    assert arm.low is not None
    assert arm.adjusted_low is not None
    assert arm.low > 0 > arm.adjusted_low
    assert arm.verdict == "undecided"
