"""What is told of people's answers: how far they agree, and what each annotator seems to be worth.

Nobody is judged by agreement with himself: one person has one vote. Only items that two or more
annotators answered say anything of agreement. Where two people answered and no third, nothing tells
who of them is right. What nothing was measured for is None, and `not_shown` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt

from tilth.figures import Definition
from tilth.kernels.groups import group_roots
from tilth.label import agreement, dawid_skene
from tilth.label.agreement import Scale
from tilth.label.answers import Answers, Floats, Integers, Repeated, encode, most_given, usable
from tilth.label.calibration import LEAST_GOLD
from tilth.label.decide import Take, undecided
from tilth.label.gold_figures import figures_on_gold
from tilth.label.identified import identified
from tilth.label.one_coin import LEAST_COMPARED
from tilth.records import PlainObject

# Of a gold item: its id, who answered, what they answered, and what is true.
_Gold = tuple[str, list[str], list[str], str]
# Estimates who is how often right.
Judge = Callable[[Answers], dawid_skene.Fit]


@dataclass(frozen=True)
class Method:
    """How labels were made.

    Attributes:
        judge: The label model that people are judged by, whatever made the labels.
        take: From the ids of items to what gives each its class.
        learns: Whether it weighs people by how right they seem to be.
        makes_labels: Whether it is that label model.
        scale: Of the classes.
        values: The number of each class by its name; None of a nominal scale.
    """

    judge: Judge
    take: Callable[[list[str]], Take]
    learns: bool
    makes_labels: bool
    scale: Scale
    values: Callable[[Sequence[str]], Floats | None]


# More annotators or classes than this are counted, not listed.
_MAX_LISTED_ANNOTATORS = 50
_MAX_LISTED_MATRICES = 10
_MAX_LISTED_CLASSES = 12
# Deliveries for demonstration name their annotators so.
_SIMULATED = "simulated"

_UNTOLD = "nothing tells who is right where they differ: not identifiable without gold"
_NO_GOLD: PlainObject = {
    "confidence": f"uncalibrated: there are fewer than {LEAST_GOLD} gold items"
}

_HERE = "samples that got their label from answers in this step, then dropped as unsure or not"
_COMPARED = f"those items that two or more annotators answered; of {_HERE}"
_ANSWERS = f"answers to {_HERE}"
_GOLD = "samples that have a label of their own and answers, ten or more"
_PLAIN = "tests/label/test_quality.py::test_every_figure_is_that_of_plain_lines"
_counted = partial(Definition, reference="plain lines over the samples", test=_PLAIN)
_judged = partial(
    Definition,
    how="estimated",
    share=True,
    reference="the equations in loops",
    test="tests/label/test_dawid_skene.py::test_it_equals_its_plain_twin_whatever_was_answered",
)

FIGURES = (
    _counted(
        "items",
        "items",
        "Samples that got their label from people's answers here.",
        _HERE,
        unit="samples",
    ),
    _counted(
        "answers",
        "answers",
        "Answers to samples that were labelled here; those that lack an annotator or a label, and "
        "those to samples that had a label before, are counted apart.",
        _ANSWERS,
        unit="answers",
    ),
    _counted(
        "unusable_answers",
        "unusable answers",
        "Answers that say no annotator or no label, and so take no part.",
        "all answers of all samples that came in",
        unit="answers",
    ),
    _counted(
        "repeated_answers",
        "repeated answers",
        "Answers of an annotator who answered the same item again, which take no part: of each "
        "person's answers to an item one counts, the last or the first as `repeated` says.",
        f"all {_ANSWERS}",
        unit="answers",
    ),
    _counted(
        "compared_items",
        "compared items",
        "Items that two or more annotators answered: what agreement and accuracies rest on.",
        _HERE,
        unit="samples",
    ),
    _counted(
        "num_classes",
        "number of classes",
        "Different labels that were answered.",
        _ANSWERS,
        unit="classes",
    ),
    _counted(
        "num_annotators",
        "number of annotators",
        "Different people who answered.",
        _ANSWERS,
        unit="annotators",
    ),
    Definition(
        "krippendorff_alpha",
        "Krippendorff's alpha",
        "How far annotators agree beyond chance: 1 always, 0 as by chance, below 0 less than that.",
        _COMPARED,
        better="higher",
        source='Krippendorff, "Computing Krippendorff\'s Alpha-Reliability" (2011), section C, '
        "nominal data",
        reference="the coincidence matrix of the paper, cell by cell",
        test="tests/label/test_agreement.py::test_alpha_is_that_of_the_coincidence_matrix",
    ),
    Definition(
        "fleiss_kappa",
        "Fleiss' kappa",
        "How far annotators agree beyond chance, where each item has as many of them.",
        _HERE,
        better="higher",
        source='Fleiss, "Measuring nominal scale agreement among many raters" (1971), eqs. 2 to 8',
        reference="the equations, item by item",
        test="tests/label/test_agreement.py::test_kappa_is_that_of_the_equations",
    ),
    _counted(
        "unanimous_share",
        "unanimous",
        "Items on which all who answered agree.",
        _COMPARED,
        share=True,
        better="higher",
    ),
    _counted(
        "tied_share",
        "tied",
        "Items of which two labels or more have most answers, as many as each other: no majority.",
        _HERE,
        share=True,
    ),
    _counted(
        "changed_from_majority_share",
        "changed from majority",
        "Items whose label is not the one that most of their answers say.",
        f"those items of which one label has most answers; of {_HERE}",
        share=True,
    ),
    Definition(
        "em_iterations",
        "rounds of EM",
        "Rounds until the label model had settled, or its bound; of the longer, where labels are "
        "made of more items than annotators are judged by.",
        _COMPARED,
        unit="rounds",
        source="Dawid and Skene (1979)",
        reference="the plain twin of the label model",
        test="tests/label/test_dawid_skene.py::test_it_equals_its_plain_twin",
    ),
    _counted(
        "annotators.answers",
        "answers",
        "Answers of this annotator.",
        _ANSWERS,
        unit="answers",
    ),
    _counted(
        "annotators.compared_answers",
        "compared answers",
        "Answers of this annotator to items that somebody else answered too: what an estimated "
        "accuracy rests on.",
        _COMPARED,
        unit="answers",
    ),
    _judged(
        "annotators.estimated_accuracy",
        "estimated accuracy",
        "Share of this annotator's answers that is right by the estimate of a label model, which "
        "goes by how three people or more agree, and by gold where there is enough.",
        f"answers to {_COMPARED}",
        better="higher",
        source='Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the '
        'EM algorithm" (1979), eqs. 2.3 to 2.5',
    ),
    _counted(
        "annotators.equal_to_label_share",
        "equal to label",
        "Share of this annotator's answers that is the label the item got. The answer itself is "
        "one of those that the label was made of: it is no accuracy, and 100 % where nobody else "
        "answered.",
        _ANSWERS,
        share=True,
    ),
    _counted(
        "undecided_items",
        "undecided",
        "Items without a majority where nothing tells how often any of its people is right: "
        "people who answer in pairs that close no ring, and no gold. They are held, or `decide`d.",
        _HERE,
        unit="samples",
        better="lower",
    ),
    _counted(
        "gold_items",
        "gold items",
        "Samples with a label of their own that people answered too: the truth that accuracies and "
        "confidence are measured by.",
        _GOLD,
        unit="samples",
    ),
    _counted(
        "labels_right_on_gold",
        "right on gold",
        "Gold items of which the method takes the true class while that is hidden: a fifth at a "
        "time, the rest is known.",
        _GOLD,
        share=True,
        better="higher",
        interval="Clopper and Pearson (1934), exact, 95 %",
        reference="scipy's binomtest",
        test="tests/statistics/test_exact.py::test_it_is_that_of_scipy",
    ),
    _counted(
        "mean_confidence_on_gold",
        "mean confidence on gold",
        "Mean confidence in the classes taken of gold items, by a curve of the other parts of the "
        "gold; equal to the share that is right where confidence is calibrated.",
        _GOLD,
        share=True,
        how="estimated",
    ),
    _counted(
        "reliability.mean_confidence",
        "mean confidence",
        "Mean confidence of a quarter of the gold items, from the least sure to the surest.",
        _GOLD,
        share=True,
        how="estimated",
    ),
    _counted("reliability.gold_items", "gold items", "Of the quarter.", _GOLD, unit="samples"),
    _counted(
        "reliability.right",
        "right",
        "Share of the quarter whose class that was taken is the true one.",
        _GOLD,
        share=True,
        better="higher",
        interval="Clopper and Pearson (1934), exact, 95 %",
        reference="scipy's binomtest",
        test="tests/statistics/test_exact.py::test_it_is_that_of_scipy",
    ),
    _counted(
        "annotators_on_gold.gold_answers",
        "gold answers",
        "Answers of this annotator to gold items.",
        _GOLD,
        unit="answers",
    ),
    _counted(
        "annotators_on_gold.accuracy_on_gold",
        "accuracy on gold",
        "Share of this annotator's answers to gold items that is right.",
        _GOLD,
        share=True,
        better="higher",
        interval="Clopper and Pearson (1934), exact, 95 %",
        reference="scipy's binomtest",
        test="tests/statistics/test_exact.py::test_it_is_that_of_scipy",
    ),
    _judged(
        "confusion_true_by_answered",
        "confusion, true by answered",
        "How likely an annotator answers the second class where the first is true, by the label "
        "model; of the ten annotators with most answers. A class that fewer than ten of an "
        "annotator's items seem to be of has no row.",
        f"answers to {_COMPARED}",
        source="Dawid and Skene (1979), eq. 2.3, with smoothing",
    ),
    _counted(
        "answers_equal_to_given_labels.share",
        "answers equal to given labels",
        "Share of people's answers that is the label a sample had before.",
        "answers to samples that had a label before this step",
        share=True,
        better="higher",
    ),
    _counted(
        "answers_equal_to_given_labels.answers",
        "answers to samples with a given label",
        "How many answers that share is of.",
        "answers to samples that had a label before this step",
        unit="answers",
    ),
)


@dataclass
class Told:
    """Answers and labels of samples, as they come by.

    Attributes:
        repeated: Which counts of an annotator's several answers to a sample.
    """

    repeated: Repeated = "last"
    _ids: list[str] = field(default_factory=list)
    _people: list[list[str]] = field(default_factory=list)
    _given: list[list[str]] = field(default_factory=list)
    _final: list[str] = field(default_factory=list)
    _entries: int = 0
    _unusable: int = 0
    _repeated: int = 0
    _gold: list[_Gold] = field(default_factory=list)
    _expert: int = 0
    _equal_to_expert: int = 0

    def add(
        self,
        name: str,
        answers: Sequence[Mapping[str, str | None]],
        label: str | None,
        *,
        is_made: bool,
        is_gold: bool = False,
    ) -> None:
        """Take in a sample.

        Args:
            name: Its id.
            answers: Its answers, unusable ones too.
            label: Its label; None: it has none.
            is_made: Whether the label was made of the answers.
            is_gold: Whether it is the true one.
        """
        found, num_repeated = usable(answers, self.repeated)
        self._entries += len(answers)
        self._unusable += len(answers) - len(found) - num_repeated
        if label is None or not found:
            return
        if not is_made:
            self._expert += len(found)
            self._equal_to_expert += sum(what == label for _, what in found)
            if is_gold:
                people, given = [who for who, _ in found], [what for _, what in found]
                self._gold.append((name, people, given, label))
            return
        self._repeated += num_repeated
        self._ids.append(name)
        self._people.append([who for who, _ in found])
        self._given.append([what for _, what in found])
        self._final.append(label)

    def figures(self, method: Method) -> PlainObject:
        """What is told of them: `FIGURES`."""
        found: PlainObject = {"items": len(self._final)}
        if self._entries:
            found["unusable_answers"] = self._unusable
        if self._expert:
            found["answers_equal_to_given_labels"] = {
                "share": self._equal_to_expert / self._expert,
                "answers": self._expert,
            }
        if not self._final:
            return found
        # By id, so that no cut into shards shows.
        order = sorted(range(len(self._ids)), key=self._ids.__getitem__)
        answers = encode([self._people[i] for i in order], [self._given[i] for i in order])
        code = {name: index for index, name in enumerate(answers.class_names)}
        decided = np.array([code.get(self._final[i], -1) for i in order], np.int64)
        gold = self._gold if len(self._gold) >= LEAST_GOLD else []
        whole, ids = self._with(gold, order)
        figures = _figures(answers, decided, method, whole)
        figures |= (
            figures_on_gold(whole, method.take(ids), learns=method.learns) if gold else _NO_GOLD
        )
        if method.learns:
            figures["undecided_items"] = int(undecided(whole).sum())
        return found | figures | {"repeated_answers": self._repeated}

    def _with(self, gold: Sequence[_Gold], order: Sequence[int]) -> tuple[Answers, list[str]]:
        """The answers, those to gold among them, and the ids of the items."""
        made = [(self._ids[i], self._people[i], self._given[i], None) for i in order]
        all_ = sorted([*made, *gold], key=lambda one: one[0])
        ids, people, given, known = map(list, zip(*all_, strict=True))
        return encode(people, given, known), ids


def _figures(answers: Answers, decided: Integers, method: Method, whole: Answers) -> PlainObject:
    num_classes = len(answers.class_names)
    counts = agreement.count_answers(answers.items, answers.labels, answers.num_items, num_classes)
    is_compared = counts.per_item() >= 2
    is_unanimous = np.bincount(counts.items, minlength=counts.num_items) == 1
    compared = answers.of(is_compared[answers.items])
    # Of gold one answer is enough to judge somebody by.
    tells = (np.bincount(whole.items, minlength=whole.num_items) >= 2) | whole.is_gold
    telling = whole.of(tells[whole.items])
    is_known = identified(whole)
    judged = method.judge(telling) if is_known.any() else None
    place = {name: index for index, name in enumerate(whole.annotator_names)}
    at = np.array([place[name] for name in answers.annotator_names])
    is_told = is_known[at]
    fits = [judged] if judged else []
    if method.makes_labels and not (judged and telling.num_items == whole.num_items):
        fits.append(method.judge(whole))
    most = most_given(answers)
    alpha = agreement.krippendorff_alpha(counts, method.scale, method.values(answers.class_names))
    figures: PlainObject = {
        "answers": len(answers.items),
        "repeated_answers": 0,
        "compared_items": compared.num_items,
        "classes": answers.class_names[:_MAX_LISTED_CLASSES],
        "num_classes": num_classes,
        "krippendorff_alpha": alpha,
        "fleiss_kappa": agreement.fleiss_kappa(counts),
        "unanimous_share": _mean(is_unanimous[is_compared]),
        "tied_share": _mean(most.tied),
        "changed_from_majority_share": _mean((decided != most.first())[~most.tied]),
        "num_annotators": len(answers.annotator_names),
    }
    if fits:
        figures["em_iterations"] = max(fit.iterations for fit in fits)
        figures["em_converged"] = all(fit.converged for fit in fits)
        if len(whole.class_names) > dawid_skene.MOST_CLASSES:
            figures["em_weighed"] = "of each item, the classes that it was given"
    accuracy = np.where(is_told, judged.accuracy()[at], np.nan) if judged else None
    order, figures["annotators"] = _annotators(answers, compared, accuracy, decided)
    if judged and len(whole.class_names) <= _MAX_LISTED_CLASSES:
        matrices = {
            answers.annotator_names[who]: _confusion(whole.class_names, judged, int(at[who]))
            for who in order[:_MAX_LISTED_MATRICES]
            if is_told[who]
        }
        if matrices:
            figures["confusion_true_by_answered"] = matrices
    if any(name.startswith(_SIMULATED) for name in answers.annotator_names):
        figures["simulated"] = True
    if not_shown := _not_shown(figures, compared, is_told, counts):
        figures["not_shown"] = not_shown
    return figures


def _mean(values: npt.NDArray[np.bool_]) -> float | None:
    """The share of what is true; None of nothing."""
    return float(values.mean()) if len(values) else None


def _annotators(
    answers: Answers, compared: Answers, accuracy: Floats | None, decided: Integers
) -> tuple[list[int], list[PlainObject]]:
    """The annotators with most answers, in this order; and what is told of each."""
    people = len(answers.annotator_names)
    num = np.bincount(answers.annotators, minlength=people)
    num_compared = np.bincount(compared.annotators, minlength=people)
    equal = answers.labels == decided[answers.items]
    agreeing = np.bincount(answers.annotators, equal, people)
    order = sorted(range(people), key=lambda who: (-num[who], who))[:_MAX_LISTED_ANNOTATORS]
    return order, [
        {
            "annotator": answers.annotator_names[who],
            "answers": int(num[who]),
            "compared_answers": int(num_compared[who]),
            "estimated_accuracy": None
            if accuracy is None or np.isnan(accuracy[who])
            else float(accuracy[who]),
            "equal_to_label_share": float(agreeing[who] / num[who]),
        }
        for who in order
    ]


def _confusion(
    classes: Sequence[str], judged: dawid_skene.Fit, annotator: int
) -> dict[str, dict[str, float]]:
    """An annotator's matrix: the rows of which enough was seen."""
    is_seen = judged.expected(annotator).sum(1) >= LEAST_COMPARED
    rows = judged.confusion(annotator).tolist()
    return {
        true: dict(zip(classes, row, strict=True))
        for true, row, seen in zip(classes, rows, is_seen.tolist(), strict=True)
        if seen
    }


def _num_in_touch(compared: Answers) -> Integers:
    """With how many people each annotator shares items, himself and those that these share items
    with counted in, int64 [annotators]."""
    people = len(compared.annotator_names)
    first = np.full(compared.num_items, people)
    np.minimum.at(first, compared.items, compared.annotators)
    pairs = np.unique(first[compared.items] * people + compared.annotators)
    group = group_roots(pairs // people, pairs % people, people)
    return np.bincount(group, minlength=people)[group]


def _not_shown(
    figures: PlainObject,
    compared: Answers,
    is_told: npt.NDArray[np.bool_],
    counts: agreement.Counts,
) -> dict[str, str]:
    """Why figures are None or are not there, by their names."""
    one_class = "all answers that are compared are the same, and so they would be by chance"
    is_even = len(set(counts.per_item().tolist())) == 1
    alone = None if figures["compared_items"] else "no item was answered by two annotators"
    why = {
        "krippendorff_alpha": alone or one_class,
        "fleiss_kappa": alone
        or (one_class if is_even else "items have different numbers of annotators"),
        "unanimous_share": alone or "",
        "changed_from_majority_share": "every item is tied",
    }
    why = {name: reason for name, reason in why.items() if figures[name] is None}
    accuracy, confusion = "annotators.estimated_accuracy", "confusion_true_by_answered"
    few = f"fewer than {LEAST_COMPARED} items with others"
    if not is_told.any():
        num = np.bincount(compared.annotators, minlength=len(is_told))
        if alone:
            reason = alone
        elif _num_in_touch(compared).max() <= 2:
            reason = f"of two annotators, {_UNTOLD}"
        elif (num >= LEAST_COMPARED).sum() < 2:
            reason = f"everybody answered {few}"
        else:
            reason = f"of annotators who answer in pairs that close no ring, {_UNTOLD}"
        return why | dict.fromkeys((accuracy, confusion), reason)
    if not is_told.all():
        why[accuracy] = f"of whoever answered {few}, or in pairs only: {_UNTOLD}"
    if counts.num_classes > _MAX_LISTED_CLASSES:
        why[confusion] = f"there are more than {_MAX_LISTED_CLASSES} classes"
    return why
