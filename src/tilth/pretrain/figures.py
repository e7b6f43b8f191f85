"""What the figures of a pretrain step are, beside its held-out metrics, which the tasks declare."""

from __future__ import annotations

from tilth.figures import Definition

_KEPT = "the training whose weights are kept: of several the first"
_EACH = "one training of several"
_FIT = "tests/pretrain/test_figures.py"
_CLOCK = (
    "Each step counts once, over all starts of the training. Not in it: reading the data, making "
    "the model, and measuring the held-out splits at the end"
)


def _times(place: str, rows: str) -> tuple[Definition, Definition]:
    return (
        Definition(
            f"{place}seconds",
            "training time",
            "Wall-clock seconds of the training's steps and of the validations between them. "
            f"{_CLOCK}.",
            rows,
            unit="s",
            better="lower",
            how="measured",
            reference="a clock around the training loop, and around both parts of a stopped one",
            test=f"{_FIT}::test_times_are_those_of_the_loop_alone_and_of_all_its_parts",
        ),
        Definition(
            f"{place}cpu_seconds",
            "processor time of training",
            "Processor time of the training's steps and of the validations between them, summed "
            f"over its threads and processes. {_CLOCK}.",
            rows,
            unit="s",
            better="lower",
            how="measured",
            reference="what the operating system counted for each process",
            test="tests/training/test_ranks.py::"
            "test_every_process_knows_the_models_of_an_extension_and_its_time_counts",
        ),
    )


FIGURES = (
    *_times("", _KEPT),
    Definition(
        "steps",
        "steps",
        "Updates of the weights.",
        _KEPT,
        unit="steps",
        reference="the updates that a watched optimizer made",
        test="tests/training/test_loop.py::test_limits_epochs_tokens_seconds",
    ),
    Definition(
        "tokens_or_examples_seen",
        "seen in training",
        "What the weights were made from, repetitions counted: of text generation the tokens that "
        "were predicted, ends of documents too; of translation the target tokens, ends too; else "
        "the samples, as images or utterances. The unit says which.",
        _KEPT,
        reference="the rows and targets of the order of the data, counted one by one",
        test=f"{_FIT}::test_what_was_seen_is_in_the_unit_that_it_says",
    ),
    Definition(
        "model.parameters",
        "parameters",
        "Numbers that the model has, those that were frozen too.",
        _KEPT,
        unit="parameters",
        reference="the sizes of the tensors in model.safetensors, added up",
        test=f"{_FIT}::test_parameters_and_samples_are_those_of_the_weights_at_hand",
    ),
    Definition(
        "samples",
        "samples of each split",
        "Samples of each split, those left out that could not be decoded, or are too short for "
        "their transcript.",
        _KEPT,
        unit="samples",
        reference="the rows of the data set, counted one by one",
        test=f"{_FIT}::test_parameters_and_samples_are_those_of_the_weights_at_hand",
    ),
    *_times("seeds.", _EACH),
    *_times("folds.", _EACH),
)
