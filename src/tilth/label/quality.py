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
from tilth.label.answers import Answers, Floats, Integers, Repeated, encode, most_given, usable
from tilth.label.one_coin import LEAST_COMPARED
from tilth.records import PlainObject

# Estimates who is how often right.
Judge = Callable[[Answers], dawid_skene.Fit]

# More annotators or classes than this are counted, not listed.
_MAX_LISTED_ANNOTATORS = 50
_MAX_LISTED_MATRICES = 10
_MAX_LISTED_CLASSES = 12
# Deliveries for demonstration name their annotators so.
_SIMULATED = "simulated"

_HERE = "samples that got their label from answers in this step, then dropped as unsure or not"
_COMPARED = f"those items that two or more annotators answered; of {_HERE}"
_ANSWERS = f"answers to {_HERE}"
_counted = partial(
    Definition,
    reference="plain lines over the samples",
    test="tests/label/test_quality.py::test_every_figure_is_that_of_plain_lines",
)
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
        "Answers that the labels were made of; those that lack an annotator or a label, and those "
        "to samples that had a label before, are counted apart.",
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
        "knows no true label: it goes by how three people or more agree.",
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
        "Share of people's answers that is the label a sample had before, which took no part here.",
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
    _expert: int = 0
    _equal_to_expert: int = 0

    def add(
        self,
        name: str,
        answers: Sequence[Mapping[str, str | None]],
        label: str | None,
        *,
        is_made: bool,
    ) -> None:
        """Take in a sample.

        Args:
            name: Its id.
            answers: Its answers, unusable ones too.
            label: Its label; None: it has none.
            is_made: Whether the label was made of the answers.
        """
        found, num_repeated = usable(answers, self.repeated)
        self._entries += len(answers)
        self._unusable += len(answers) - len(found) - num_repeated
        if label is None or not found:
            return
        if not is_made:
            self._expert += len(found)
            self._equal_to_expert += sum(what == label for _, what in found)
            return
        self._repeated += num_repeated
        self._ids.append(name)
        self._people.append([who for who, _ in found])
        self._given.append([what for _, what in found])
        self._final.append(label)

    def figures(self, judge: Judge, *, makes_labels: bool) -> PlainObject:
        """What is told of them: `FIGURES`.

        Args:
            judge: The label model.
            makes_labels: Whether the labels are the label model's.
        """
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
        figures = _figures(answers, decided, judge, makes_labels=makes_labels)
        return found | figures | {"repeated_answers": self._repeated}


def _figures(
    answers: Answers, decided: Integers, judge: Judge, *, makes_labels: bool
) -> PlainObject:
    num_classes = len(answers.class_names)
    counts = agreement.count_answers(answers.items, answers.labels, answers.num_items, num_classes)
    is_compared = counts.per_item() >= 2
    is_unanimous = np.bincount(counts.items, minlength=counts.num_items) == 1
    compared = answers.of(is_compared[answers.items])
    is_judged = _num_in_touch(compared) > 2
    judged = judge(compared) if is_judged.any() else None
    num_compared = np.bincount(compared.annotators, minlength=len(is_judged))
    is_told = is_judged & (num_compared >= LEAST_COMPARED)
    fits = [judged] if judged else []
    if makes_labels and not (judged and compared.num_items == answers.num_items):
        fits.append(judge(answers))
    most = most_given(answers)
    figures: PlainObject = {
        "answers": len(answers.items),
        "repeated_answers": 0,
        "compared_items": compared.num_items,
        "classes": answers.class_names[:_MAX_LISTED_CLASSES],
        "num_classes": num_classes,
        "krippendorff_alpha": agreement.krippendorff_alpha(counts),
        "fleiss_kappa": agreement.fleiss_kappa(counts),
        "unanimous_share": _mean(is_unanimous[is_compared]),
        "tied_share": _mean(most.tied),
        "changed_from_majority_share": _mean((decided != most.first())[~most.tied]),
        "num_annotators": len(answers.annotator_names),
    }
    if fits:
        figures["em_iterations"] = max(fit.iterations for fit in fits)
        figures["em_converged"] = all(fit.converged for fit in fits)
        if num_classes > dawid_skene.MOST_CLASSES:
            figures["em_weighed"] = "of each item, the classes that it was given"
    accuracy = np.where(is_told, judged.accuracy(), np.nan) if judged else None
    order, figures["annotators"] = _annotators(answers, compared, accuracy, decided)
    if judged and num_classes <= _MAX_LISTED_CLASSES:
        matrices = {
            answers.annotator_names[who]: _confusion(answers.class_names, judged, who)
            for who in order[:_MAX_LISTED_MATRICES]
            if is_told[who]
        }
        if matrices:
            figures["confusion_true_by_answered"] = matrices
    if any(name.startswith(_SIMULATED) for name in answers.annotator_names):
        figures["simulated"] = True
    if not_shown := _not_shown(figures, is_judged, is_told, counts):
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
    is_judged: npt.NDArray[np.bool_],
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
    if not is_judged.any():
        pair = "of two annotators, nothing tells who is right where they differ"
        return why | dict.fromkeys((accuracy, confusion), alone or pair)
    few = f"fewer than {LEAST_COMPARED} items with others"
    if not is_told.any():
        return why | dict.fromkeys((accuracy, confusion), f"everybody answered {few}")
    if not is_told.all():
        why[accuracy] = f"of whoever answered {few}, or with one same person only"
    if counts.num_classes > _MAX_LISTED_CLASSES:
        why[confusion] = f"there are more than {_MAX_LISTED_CLASSES} classes"
    return why
