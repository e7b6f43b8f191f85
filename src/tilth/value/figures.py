"""What the figures of an experiment are, beside the metric that it compares."""

from __future__ import annotations

from dataclasses import replace

from tilth.figures import Definition
from tilth.statistics.found import CHANCE
from tilth.transfer.figures import FIGURES as COMPARED

_SUMMARY = "tests/value/test_summary.py"
_CELL = "tests/value/test_experiment.py"
_KNOWN = {one.name: one for one in COMPARED}
_EFFECT = "the test split, by the models with a decision and without, seed by seed"
_CONTROL = "the test split, the recipe as it stands, a training each seed"


def _as(name: str, of: str, **changes: str) -> Definition:
    """A figure that a comparison of methods has too."""
    return replace(_KNOWN[of], name=name, **changes)  # type: ignore[arg-type]


_MULTIPLIER = _as(
    "arms.data_multiplier.value",
    "multiplier.value",
    about="How many times the control's data would give the control this arm's result; below 1 the "
    "arm does worse than the control on all of its data.",
    rows="the results of each seed on the test split, at all shares of the control's data",
    test=f"{_SUMMARY}::test_multipliers_are_read_off_the_controls_curve",
)

FIGURES = (
    _as("control.mean", "summary.mean", heading="control", rows=_CONTROL,
        about="Mean over seeds of the compared metric, of the recipe as it stands."),
    Definition(
        "control.unique_examples",
        "unique examples of the control",
        "Different training samples that the control had to learn from, after the leakage gate.",
        "the control's training split, of the first seed",
        unit="samples",
        reference="the training split, counted",
        test=f"{_CELL}::test_unique_examples_and_epochs_are_those_of_the_rows",
    ),
    Definition(
        "control.epochs",
        "epochs of the control",
        "Examples drawn by those that there are to draw: how often one was seen on average,"
        " weights aside. Of a language model an example is a window of its context.",
        "the control's training, of the first seed",
        unit="epochs",
        reference="steps times examples a step, by the samples, or the windows of their tokens",
        test=f"{_CELL}::test_unique_examples_and_epochs_are_those_of_the_rows",
    ),
    _as("arms.mean", "effects.mean", heading="effect", rows=_EFFECT,
        about="Mean over seeds of what a decision is worth: the control less the arm that leaves "
        "it out, or the arm that changes it less the control; positive is better."),
    *(_as(f"arms.{name}", f"effects.{name}", rows=_EFFECT)
      for name in ("p", "p_sign_flip", "adjusted_p")),
    _as("arms.wins", "effects.wins", rows=_EFFECT,
        about="Seeds in which having the decision was better; a tie is none."),
    Definition(
        "arms.sd",
        "standard deviation",
        "Of the differences over seeds, with n - 1.",
        _EFFECT,
        how="measured",
        reference="numpy",
        test="tests/statistics/test_paired.py::"
        "test_what_is_said_of_one_of_two_and_of_equal_differences",
    ),
    Definition(
        "arms.test_clusters",
        "parts of the test set",
        "Test samples, or groups of them, that stand or fall together: what the interval over test "
        "sets is drawn over; above 2,000 some share a place.",
        "the test split",
        unit="parts",
        reference="the groups of a column, counted",
        test="tests/transfer/test_clusters.py::test_by_column",
    ),
    _as("arms.last_tenth_gain", "last_tenth.gain",
        rows="the test split, by an arm without pretraining before and after its last tenth"),
    Definition(
        "arms.more_seeds",
        "more seeds",
        f"Seeds to add so that the verdict is decided with a chance of {CHANCE:.0%}, over all "
        "means and deviations that those so far leave open; none where 1,000 would not do, or "
        "fewer than three were run.",
        _EFFECT,
        unit="seeds",
        better="lower",
        how="estimated",
        source="predictive power, Spiegelhalter, Freedman and Blackburn 1986",
        reference="2,000 further draws, written out",
        test="tests/statistics/test_power.py::"
        "test_more_seeds_are_the_fewest_that_decide_four_times_in_five",
    ),
    Definition(
        "arms.more_cost_s",
        "cost of more seeds",
        "What they would take: their number by the seconds a seed.",
        "the trainings of the arm and of the control so far",
        unit="s",
        better="lower",
        how="estimated",
        reference="a product",
        test=f"{_SUMMARY}::test_undecided_says_what_would_decide",
    ),
    Definition(
        "arms.seconds_per_seed",
        "seconds a seed",
        "Seconds of one training of the arm and one of its control, with their measurements; mean "
        "over seeds.",
        "the trainings of the arm and of the control",
        unit="s",
        better="lower",
        how="measured",
        reference="the mean of the cells' own clocks",
        test=f"{_SUMMARY}::test_undecided_says_what_would_decide",
    ),
    Definition(
        "arms.unique_examples",
        "unique examples",
        "Different training samples that the arm had to learn from, after the leakage gate.",
        "the arm's training split, of the first seed",
        unit="samples",
        reference="the training split, counted",
        test=f"{_CELL}::test_unique_examples_and_epochs_are_those_of_the_rows",
    ),
    Definition(
        "arms.epochs",
        "epochs",
        "Examples drawn by those that there are to draw: how often one was seen on average,"
        " weights aside. Of a language model an example is a window of its context.",
        "the arm's training, of the first seed",
        unit="epochs",
        reference="steps times examples a step, by the samples, or the windows of their tokens",
        test=f"{_CELL}::test_unique_examples_and_epochs_are_those_of_the_rows",
    ),
    _MULTIPLIER,
    replace(
        _MULTIPLIER,
        name="arms.compute_multiplier.value",
        heading="compute multiplier",
        about="How many times the control's steps would give the control this arm's result; below "
        "1 the arm does worse than the control with all of its steps.",
        rows="the results of each seed on the test split, at all shares of the control's steps",
    ),
    _as("cost_s", "cost_s", rows="the cells of the experiment",
        about="Seconds of all trainings of the experiment with their measurements, added up; those "
        "that were cached took them when they were made.",
        test=f"{_SUMMARY}::test_undecided_says_what_would_decide"),
)  # fmt: skip
