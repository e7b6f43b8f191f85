"""What the stage `transfer` compares, on which samples, and what it is read from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.table.cells import DIGITS, Place, with_setting
from tests.table.entries import effect, extreme, name, refused
from tests.table.whole import Tree, changed, problems, read, said
from tilth.errors import TilthError
from tilth.statistics.found import Parts
from tilth.transfer import compare, methods
from tilth.transfer.result import TransferOutcome, TransferResult

# The objective of each field that no default has.
OBJECTIVES: dict[str, Any] = {
    "label_smoothing": 0.3,
    "mixup": 0.5,
    "views": "mirror",
    "temperature": 0.7,
    "beam": 3,
    "length_penalty": 0.4,
    "lexicon": "words",
}


def with_(tree: Tree, **given: Any) -> Tree:
    """The recipe with other settings of the stage."""
    for one, value in given.items():
        tree = with_setting(tree, f"transfer.{one}", value)
    return tree


def compared(place: Place, tree: Tree) -> TransferResult:
    """All cells and what they come to."""
    step = read(tree).transfer
    assert step is not None
    settings: Any = step.settings
    cells = compare.cells(settings)
    found = [
        (cell, place.transferred(tree, cell.method, seed=cell.seed, size=cell.size))
        for cell in cells
    ]
    return compare.summarize(found, settings)


@effect("transfer.task")
def test_the_target_may_be_another_task(texts: Place, digits: Place) -> None:
    cell = texts.transferred(with_(texts.tree, task="text-classification"))
    assert cell.measured.metric == "accuracy"
    assert texts.transferred(texts.tree).measured.metric == "bits_per_byte"
    assert "needs model.kind" in said(with_(digits.tree, task="text-generation"))
    assert "does not take" in said(with_(digits.tree, task="image-classificatoin"))


@effect("transfer.data", "transfer.data.sources")
def test_only_the_sources_that_are_named(texts: Place) -> None:
    both, one = (
        texts.transferred(with_(texts.tree, data={"sources": sources}))
        for sources in ([], ["second"])
    )
    # A fifth of each source is held out.
    assert (both.test_samples, one.test_samples) == (20, 8)


@name("transfer.data.sources")
def test_a_source_that_collect_has_not(texts: Place) -> None:
    found = said(with_(texts.tree, data={"sources": ["secnod"]}))
    assert "unknown-source" in found
    assert "did you mean `second`?" in found


@effect("transfer.data.labels")
@name("transfer.data.labels")
def test_only_the_labels_that_are_named(digits: Place) -> None:
    half = digits.transferred(with_(digits.tree, data={"labels": ["5", "6", "7"]}))
    assert 0 < half.test_samples < digits.transferred(digits.tree).test_samples
    # Three outputs: what a model that knows nothing loses is less.
    assert half.measured.value < digits.transferred(digits.tree).measured.value
    with pytest.raises(TilthError, match="seven"):
        digits.transferred(with_(digits.tree, data={"labels": ["5", "6", "seven"]}))


@effect("transfer.data.train", "transfer.data.test")
@name("transfer.data.train", "transfer.data.test")
def test_which_split_is_learnt_from_and_which_is_measured(digits: Place, path: str) -> None:
    swapped = {"train": "test", "test": "train"}
    cell = digits.transferred(with_(digits.tree, data=swapped))
    assert cell.test_samples == 200
    assert digits.transferred(digits.tree).test_samples == 100
    one = path.rpartition(".")[2]
    found = said(with_(digits.tree, data={one: "tets"}))
    assert "did you mean `test`?" in found or "choose from" in found
    other = {"train": "test"}.get(one, "train")
    assert said(with_(digits.tree, data={one: other}))


@effect("transfer.data.shuffle")
def test_texts_are_packed_in_another_order(texts: Place) -> None:
    plain = texts.transferred(with_(texts.tree, data={"sources": ["second"], "shuffle": False}))
    assert plain.measured.value != texts.transferred(texts.tree).measured.value


@effect("transfer.data.max_length")
@extreme("transfer.data.max_length")
def test_the_rest_of_a_text_is_not_read(texts: Place) -> None:
    tree = with_(texts.tree, task="text-classification")
    found = [
        texts.transferred(with_(tree, data={"max_length": length})).loss for length in (3, 10, 24)
    ]
    assert len(set(found)) == 3
    assert said(with_(tree, data={"max_length": 1}))
    with pytest.raises(TilthError, match="max_length"):
        texts.transferred(with_(tree, data={"max_length": 10_000}))


@effect("transfer.sizes")
@extreme("transfer.sizes")
def test_so_many_samples_are_learnt_from(digits: Place) -> None:
    summary = compared(digits, with_(digits.tree, sizes=[10, 40]))
    assert summary.sizes == (10, 40)
    assert {effect.size for effect in summary.effects} == {10, 40}
    # 40 samples by 8: five steps a pass; ten samples: two.
    loop = {"epochs": 1, "batch_size": 8}
    for size, steps in ((1, 1), (10, 2), (40, 5), (200, 25)):
        cell = digits.transferred(with_(digits.tree, sizes=[size], loop=loop))
        assert (cell.samples, cell.steps) == (size, steps)
    with pytest.raises(TilthError, match="201 samples are asked for and there are 200"):
        digits.transferred(with_(digits.tree, sizes=[201]))
    for wrong in ([0], [-1], [], [40, 10], [10, 10], [1.5]):
        assert said(with_(digits.tree, sizes=wrong))


@effect("transfer.sizes_per_class")
@refused("transfer.sizes_per_class")
def test_sizes_may_count_each_class(digits: Place, texts: Place) -> None:
    loop = {"epochs": 1, "batch_size": 5}
    cell = digits.transferred(with_(digits.tree, sizes=[3], sizes_per_class=True, loop=loop))
    assert cell.steps == 3 * 10 / 5
    assert compared(digits, with_(digits.tree, sizes=[3], sizes_per_class=True)).sizes_per_class
    assert "sizes_per_class" in said(with_(texts.tree, sizes_per_class=True))


@effect("transfer.metric")
@name("transfer.metric")
def test_the_figure_that_the_comparison_is_read_from(digits: Place, texts: Place) -> None:
    accuracy = compared(digits, with_(digits.tree, metric=""))
    assert (accuracy.metric, accuracy.unit) == ("accuracy", "%")
    loss = compared(digits, digits.tree)
    assert (loss.metric, loss.unit, loss.lower_is_better) == ("loss", "nats", True)
    top5 = compared(digits, with_(digits.tree, metric="top5"))
    assert top5.summary[0].mean > accuracy.summary[0].mean
    assert "did you mean `accuracy`?" in said(with_(digits.tree, metric="acuracy"))
    assert "has no figure `bleu`" in said(with_(texts.tree, metric="bleu"))
    counted = with_(texts.tree, task="text-classification", methods=["scratch", "tfidf-svm"])
    assert "tfidf-svm" in said(with_(counted, metric="loss"))


@effect("transfer.methods")
@refused("transfer.methods")
def test_the_methods_that_are_named_are_compared(digits: Place, texts: Place) -> None:
    named = with_(digits.tree, methods=["scratch", "probe", "lora"])
    summary = compared(digits, named)
    assert summary.methods == ("scratch", "probe", "lora")
    assert {effect.method for effect in summary.effects} == {"probe", "lora"}
    values = {one.method: one.mean for one in summary.summary}
    assert len(set(values.values())) == 3
    counted = with_(texts.tree, task="text-classification", methods=["scratch", "tfidf-svm"])
    assert texts.transferred(counted, "tfidf-svm").what.startswith("no pretraining: TF-IDF")
    assert "classifies texts" in said(with_(digits.tree, methods=["tfidf-svm"]))
    assert "does not take" in said(with_(digits.tree, methods=["finetun"]))
    for wrong in ([], ["scratch", "scratch"]):
        assert said(with_(digits.tree, methods=wrong))


@effect("transfer.methods")
def test_a_network_without_a_last_layer_has_no_probe() -> None:
    tree: Tree = {
        "collect": {"a": {"jsonl": {"path": "x"}}},
        "pretrain": {
            "task": "translation",
            "model": {"kind": "seq2seq"},
            "loop": {"max_steps": 1},
        },
        "transfer": {},
    }
    step = read(tree).transfer
    assert step is not None
    settings: Any = step.settings
    assert settings.methods == ("scratch", "finetune")
    assert "has none that stands alone" in said(with_(tree, methods=["scratch", "probe"]))


@effect("transfer.lora_rank")
@extreme("transfer.lora_rank")
@refused("transfer.lora_rank")
def test_the_rank_of_what_is_trained_beside(digits: Place) -> None:
    tree = with_(digits.tree, methods=["scratch", "lora"])
    found = {
        rank: digits.transferred(with_(tree, lora_rank=rank), "lora") for rank in (1, 4, None, 8)
    }
    assert "of rank 4" in found[4].what
    assert len({found[rank].measured.value for rank in (1, 4, 8)}) == 3
    assert found[None].measured == found[8].measured
    assert "at least 1" in said(with_(tree, lora_rank=0))
    with pytest.raises(TilthError, match="rank"):
        digits.transferred(with_(tree, lora_rank=10**6), "lora")
    assert "not among `methods`" in said(with_(digits.tree, lora_rank=4))


@effect("transfer.seeds")
@extreme("transfer.seeds")
def test_so_many_repetitions(digits: Place) -> None:
    assert compared(digits, with_(digits.tree, seeds=3)).seeds == (0, 1, 2)
    step = read(with_(digits.tree, seeds=200)).transfer
    assert step is not None
    settings: Any = step.settings
    assert len(compare.cells(settings)) == 400
    for wrong in (0, 1, 201):
        assert said(with_(digits.tree, seeds=wrong))
    # Another seed, other samples and other fresh weights.
    values = {digits.transferred(digits.tree, seed=seed).measured.value for seed in range(3)}
    assert len(values) == 3


@effect("transfer.smallest_effect")
@extreme("transfer.smallest_effect")
def test_a_difference_that_does_not_matter(digits: Place) -> None:
    # The same gains: what is large enough to matter decides what is said of them.
    outcomes = [
        (
            compare.Cell.model_validate({"method": method, "size": 8, "seed": seed}),
            _outcome(value + 0.01 * seed),
        )
        for seed in range(4)
        for method, value in (("scratch", 50.0), ("finetune", 51.0))
    ]
    verdicts = {}
    for smallest in (0, 0.5, 2, 1e9):
        step = read(with_(digits.tree, smallest_effect=smallest)).transfer
        assert step is not None
        settings: Any = step.settings
        summary = compare.summarize(outcomes, settings)
        assert summary.smallest_effect == smallest
        verdicts[smallest] = summary.effects[0].verdict
    assert verdicts[0] == verdicts[0.5] == "helps"
    assert verdicts[2] == verdicts[1e9] == "no material effect"
    assert said(with_(digits.tree, smallest_effect=-1))


def _outcome(value: float) -> TransferOutcome:
    return TransferOutcome.model_validate(
        {
            "measured": {
                "value": value,
                "metric": "accuracy",
                "unit": "%",
                "scale": 100.0,
                "lower_is_better": False,
            },
            "parts": Parts((value,) * 40, (100.0,) * 40),
            "test_samples": 40,
            "items": "images",
            "nine_tenths": None,
            "seconds": 1.0,
            "steps": 1,
            "epochs": 1.0,
            "notes": (),
            "loss": None,
            "figures": {},
            "samples": 8,
            "cpu_seconds": 1.0,
            "training_seconds": 1.0,
            "what": "",
        }
    )


@effect("transfer.test_size")
@extreme("transfer.test_size")
def test_so_many_are_measured_on_at_most(digits: Place) -> None:
    for size, measured in ((2, 2), (30, 30), (100, 100), (10**9, 100), (None, 100)):
        assert digits.transferred(with_(digits.tree, test_size=size)).test_samples == measured
    for wrong in (0, 1):
        assert said(with_(digits.tree, test_size=wrong))
    first, second = (
        digits.transferred(with_(digits.tree, test_size=30), seed=seed).parts.denominators
        for seed in (0, 1)
    )
    assert first == second


@effect("transfer.group")
@name("transfer.group")
def test_what_stands_or_falls_together(digits: Place) -> None:
    grouped = digits.transferred(with_(digits.tree, group="subject"))
    assert len(grouped.parts.numerators) == 7
    assert len(digits.transferred(digits.tree).parts.numerators) == 100
    with pytest.raises(TilthError, match="no column `subjet`") as caught:
        digits.transferred(with_(digits.tree, group="subjet"))
    assert caught.value.hint == "did you mean `subject`?"


@effect("transfer.overrides")
@refused("transfer.overrides")
def test_what_one_method_does_otherwise_is_its_own(digits: Place) -> None:
    shorter = with_(digits.tree, overrides={"scratch": {"loop": {"max_steps": 2}}})
    assert digits.transferred(shorter, "scratch").steps == 2
    assert digits.transferred(shorter, "finetune").steps == 10
    assert "not among `methods`" in said(with_(digits.tree, overrides={"probe": {}}))
    counted = with_(
        digits.tree,
        methods=["scratch", "tfidf-svm"],
        overrides={"tfidf-svm": {"loop": {"max_steps": 2}}},
    )
    assert "trains no network" in said(counted)


@effect("transfer.overrides.*.freeze")
@name("transfer.overrides.*.freeze")
def test_what_is_frozen_does_not_learn(digits: Place) -> None:
    def loss(*frozen: str) -> float:
        tree = with_setting(digits.tree, "transfer.overrides.*.freeze", list(frozen))
        return digits.transferred(tree).measured.value

    still = with_setting(digits.tree, "transfer.overrides.*.optimizer", {"learning_rate": 1e-12})
    assert len({loss(), loss("body."), loss("head.")}) == 3
    assert loss("body.1.") == loss("body.")
    assert abs(loss("body.", "head.bias") - loss("body.")) > 0
    assert digits.transferred(still).measured.value > loss("head.")
    with pytest.raises(TilthError, match=r"bodi\."):
        loss("bodi.")
    with pytest.raises(TilthError):
        loss("body.", "head.")


@effect("transfer.overrides.*.unfreeze")
@extreme("transfer.overrides.*.unfreeze")
@name("transfer.overrides.*.unfreeze")
def test_what_is_trained_later_learns_less(digits: Place) -> None:
    def loss(**later: float) -> float:
        given = {f"{one}.": share for one, share in later.items()}
        tree = with_setting(digits.tree, "transfer.overrides.*.unfreeze", given)
        return digits.transferred(tree).measured.value

    found = [loss(body=share) for share in (0.0, 0.5, 0.9)]
    assert found[0] == digits.transferred(digits.tree).measured.value
    assert found == sorted(found)
    assert found[2] > found[0] + 0.01
    # A training that begins with nothing to train.
    with pytest.raises(TilthError, match="nothing is trained in the first 5 steps"):
        loss(body=0.5, head=0.6)
    for wrong in (1.0, -0.1):
        assert said(with_setting(digits.tree, "transfer.overrides.*.unfreeze", {"head.": wrong}))
    with pytest.raises(TilthError, match=r"bodi\."):
        loss(bodi=0.5)


@effect("transfer.objective")
def test_what_is_not_given_of_the_objective_is_as_in_pretrain(digits: Place) -> None:
    tree = with_setting(digits.tree, "pretrain.objective", {"label_smoothing": 0.2})
    step = read(with_(tree, objective={"views": "mirror"})).transfer
    assert step is not None
    settings: Any = step.settings
    assert settings.objective.label_smoothing == 0.2
    assert settings.objective.views == "mirror"


@effect(*(f"transfer.objective.{one}" for one in OBJECTIVES))
def test_the_objective_is_what_the_target_learns_by(
    digits: Place, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What each does is shown of `pretrain.objective`; here, that it arrives."""
    given = []

    def watch(*args: Any, **more: Any) -> Any:
        given.append(args[2])
        raise TilthError("seen")

    monkeypatch.setattr(methods, "build_task", watch)
    one = path.rpartition(".")[2]
    step = read(digits.tree).transfer
    assert step is not None
    settings: Any = step.settings
    # Some are of other tasks, which `check` refuses here.
    objective = {one: OBJECTIVES[one]}
    changed = type(settings).model_validate(
        json.loads(settings.model_dump_json()) | {"objective": objective}
    )
    cell = compare.cells(changed)[0]
    inputs = {"data": digits.data, "model": digits.model}
    with pytest.raises(TilthError, match="seen"):
        compare.run_cell(cell, inputs, changed, digits.context, compare.Planned())
    assert getattr(given[0], one) == OBJECTIVES[one]


@effect("transfer.objective.label_smoothing", "transfer.objective.mixup")
@extreme("transfer.objective.label_smoothing", "transfer.objective.mixup")
def test_a_smoother_target_is_learnt_less_sharply(digits: Place, path: str) -> None:
    one = path.rpartition(".")[2]
    loop = {"max_steps": 60, "batch_size": 8}
    found = [
        digits.transferred(with_(digits.tree, objective={one: value}, loop=loop)).measured.value
        for value in (0, 0.9)
    ]
    assert found[1] > found[0]
    assert said(with_(digits.tree, objective={one: -0.1}))
    if one == "label_smoothing":
        assert said(with_(digits.tree, objective={one: 1}))


@effect("transfer.objective.views")
def test_answers_are_the_mean_over_views(digits: Place) -> None:
    found = {
        views: digits.transferred(with_(digits.tree, objective={"views": views})).measured.value
        for views in (None, "mirror", "mirror-shift")
    }
    assert len(set(found.values())) == 3


@extreme(
    "transfer.objective.temperature",
    "transfer.objective.beam",
    "transfer.objective.length_penalty",
)
def test_beyond_its_range_an_objective_is_refused(digits: Place, path: str) -> None:
    one = path.rpartition(".")[2]
    wrong = {"temperature": 0, "beam": 0, "length_penalty": -1}[one]
    assert any(
        one in problem.what for problem in problems(with_(digits.tree, objective={one: wrong}))
    )


_NOT_KEPT: dict[str, list[tuple[str, Any, str]]] = {
    "freeze": [
        ("probe", ["body."], "probe trains nothing of it"),
        ("probe", ["head."], "nothing of what probe trains"),
        ("probe", ["haed."], "did you mean `head.`?"),
        ("lora", ["bdoy."], "did you mean `body.`?"),
        ("lora", ["head.", "body."], "nothing of what lora trains"),
    ],
    "unfreeze": [
        ("probe", {"body.": 0.5}, "probe trains nothing of it"),
        ("probe", {"head.": 0.5}, "nothing of what probe trains"),
        ("lora", {"bdoy.": 0.5}, "did you mean `body.`?"),
    ],
}


@refused("transfer.overrides.*.freeze", "transfer.overrides.*.unfreeze")
def test_what_a_method_does_not_train_anyway_is_not_frozen(path: str) -> None:
    setting = path.rpartition(".")[2]
    for method, given, told in _NOT_KEPT[setting]:
        tree = changed(DIGITS, "transfer/methods", ["scratch", method])
        found = said(changed(tree, f"transfer/overrides/{method}/{setting}", given))
        assert told in found
        assert f"transfer.overrides.{method}.{setting}" in found
        assert not said(changed(tree, f"transfer/overrides/{method}/freeze", ["head.bias"]))
