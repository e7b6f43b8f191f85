"""What the figures of a ledger of annotation are: `tilth annotate RECIPE --status` prints them.

They are made a room above, in `annotate.status` and `annotate.acceptance`.
"""

from __future__ import annotations

from functools import partial

from tilth.figures import Definition

_STATUS = "tests/annotate/test_status.py::test_a_round_is_what_its_answers_come_to_one_by_one"
_WORK = "tests/annotate/test_status.py::test_what_an_annotator_is_worth_is_counted_one_by_one"
_ROUND = "one round: what was ordered in it"
_CAME = "one round: the answers that came back to its tasks and that were asked for"
_OWN = "the answers of one annotator in one round"
_COST = "tests/annotate/test_acceptance.py::test_costs_are_those_of_the_answers"

_counted = partial(Definition, reference="the ledger's tasks and answers, counted", test=_STATUS)
_judged = partial(Definition, reference="the ledger's answers, counted", test=_WORK)
_exact = "Clopper and Pearson's exact one of a share"
_alpha = partial(
    Definition,
    better="higher",
    how="measured",
    source="Krippendorff (2011), section C",
)

FIGURES = (
    _counted("imports", "imports", "Files that were taken in.", "the whole ledger", unit="files"),
    _counted("rounds.tasks", "tasks", "Items, gold and repeats together.", _ROUND, unit="tasks"),
    _counted("rounds.items", "items", "Samples to be labelled.", _ROUND, unit="tasks"),
    _counted("rounds.gold", "gold", "Samples whose label is known.", _ROUND, unit="tasks"),
    _counted("rounds.repeats", "repeats", "Items that are asked again.", _ROUND, unit="tasks"),
    _counted(
        "rounds.annotators",
        "annotators a task",
        "How many people each task is for.",
        _ROUND,
        unit="annotators",
    ),
    _counted(
        "rounds.answers.ordered",
        "ordered",
        "Answers that were ordered: tasks by the annotators that each is for.",
        _ROUND,
        unit="answers",
    ),
    _counted(
        "rounds.answers.accepted",
        "accepted",
        "Answers of annotators who are accepted in the round.",
        _CAME,
        unit="answers",
    ),
    _counted(
        "rounds.answers.held",
        "held",
        "Answers of annotators of whom nothing is decided yet.",
        _CAME,
        unit="answers",
    ),
    _counted(
        "rounds.answers.returned",
        "returned",
        "Answers of annotators whose work is sent back.",
        _CAME,
        unit="answers",
    ),
    _counted(
        "rounds.disputed",
        "disputed",
        "Items to which the answers, less returned ones, are not all alike.",
        f"{_CAME}; gold left out, and of each annotator one answer to an item",
        unit="items",
        better="lower",
    ),
    _alpha(
        "rounds.alpha",
        "alpha",
        "How far annotators agree beyond chance: 1 always, 0 as by chance.",
        f"{_CAME}: gold too, and those that were returned; of each annotator one to an item",
        reference="every pair of answers, written out",
        test=_STATUS,
    ),
    _judged(
        "works.answers",
        "answers",
        "Answers that were asked for.",
        _OWN,
        unit="answers",
    ),
    _judged(
        "works.gold",
        "right on gold",
        "Answers to gold that are the known one, of all to gold.",
        f"{_OWN} to gold",
        share=True,
        better="higher",
        how="measured",
        interval=_exact,
    ),
    _judged(
        "works.repeats",
        "alike when asked again",
        "Items that were answered alike both times, of all that were asked twice.",
        f"{_OWN} to items that were asked twice",
        share=True,
        better="higher",
        how="measured",
        interval=_exact,
    ),
    _alpha(
        "works.alpha",
        "alpha",
        "How far this annotator and the others agree beyond chance.",
        "pairs of an answer of the annotator and one of another to the same sample, in one round",
        reference="every pair of answers, written out",
        test="tests/annotate/test_acceptance.py::test_alpha_is_that_of_the_pairs_one_by_one",
    ),
    Definition(
        "works.agreement",
        "likeness to others' texts",
        "How alike this annotator's texts and the others' are: 1 less the word error rate, the "
        "character error rate or chrF, as the rule says; words unless it does.",
        "pairs of a text of the annotator and one of another of the same sample, in one round",
        unit="",
        better="higher",
        how="measured",
        reference="every pair of texts, by jiwer",
        test="tests/annotate/test_acceptance.py::test_likeness_is_that_of_the_pairs_one_by_one",
    ),
    _judged(
        "works.seconds",
        "seconds",
        "Median time of an answer, where times are given.",
        _OWN,
        unit="s",
        how="measured",
    ),
    _counted(
        "not_counted",
        "answers to samples from before",
        "Answers to samples that their annotators had in an earlier round: they count once.",
        "the whole ledger",
        unit="answers",
    ),
    *(
        Definition(
            f"{place}cost.{name}",
            f"cost, {name}",
            f"Answers that are {name}, by the price of an answer in their round.",
            rows,
            unit="the round's currency",
            reference="a product",
            test=_COST,
        )
        for place, rows in (("", "the whole ledger"), ("rounds.", _CAME))
        for name in ("ordered", "accepted", "held", "returned")
    ),
)
