"""The method `tfidf-svm`: word counts and a linear classifier, which know no language at all.

A pretrained model is worth its cost on texts where it beats this: a second of computing, and hard
to beat where labels are many and words tell the classes apart.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tilth.errors import DataError, missing_extra
from tilth.randomness import ids_to_u64
from tilth.schema import column
from tilth.statistics.intervals import macro_f1
from tilth.store import Dataset
from tilth.tasks.settings import TaskName
from tilth.training.evaluate import Evaluation
from tilth.training.examples import Examples
from tilth.training.order import Ids
from tilth.transfer.settings import require_texts

Classes = npt.NDArray[np.int64]

WHAT = (
    "no pretraining: TF-IDF of words and word pairs with a linear support vector machine, both of "
    "scikit-learn with its defaults"
)


def classify_by_words(
    dataset: Path, task: TaskName, data: Examples, test: Examples, seed: int
) -> Evaluation:
    """Learn the classes of `data` from the words of its texts, and measure on `test`.

    Args:
        dataset: Folder of the data set, whose texts the examples are.
        task: One that classifies texts.
        data: Samples to learn from.
        test: Samples to measure on.
        seed: Of the classifier's order of coordinates.

    Raises:
        UsageError: The task is another one.
        DataError: The data set lacks a sample.
    """
    require_texts(task)
    train_texts, test_texts = (_texts_of(dataset, rows.ids) for rows in (data, test))
    answers = answer_by_words(train_texts, data.labels, test_texts, seed=seed)
    right = (answers == test.labels).astype(np.float64)
    f1 = macro_f1(test.labels, answers)
    count = len(test)
    return Evaluation(
        test.ids,
        np.zeros(count),
        np.ones(count, np.int64),
        right,
        np.ones(count),
        metric="accuracy",
        unit="%",
        scale=100.0,
        lower_is_better=False,
        figures={"macro_f1": f1.value},
        item="document",
        by_item={"macro_f1": f1},
    )


def answer_by_words(
    texts: Sequence[str], labels: Classes, questions: Sequence[str], *, seed: int = 0
) -> Classes:
    """The classes of `questions` by a linear SVM over TF-IDF of words and word pairs, int64 [m].

    Where the texts are of one class, or have no word, the answer is always the commonest class.

    Args:
        texts: To learn from.
        labels: int64 [n], their classes.
        questions: Texts to classify.
        seed: Of the classifier's order of coordinates.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.svm import LinearSVC
    except ImportError:
        raise missing_extra("scikit-learn", "train") from None
    commonest = np.full(len(questions), np.bincount(labels).argmax(), np.int64)
    if len(np.unique(labels)) < 2:
        return commonest
    vectorizer = TfidfVectorizer(ngram_range=(1, 2))
    try:
        features = vectorizer.fit_transform(texts)
    except ValueError:  # not one word in all texts
        return commonest
    classifier = LinearSVC(random_state=seed)
    with warnings.catch_warnings():
        # Few samples of many classes look like a regression to it, and are what is asked for here.
        warnings.filterwarnings("ignore", message="The number of unique classes")
        classifier.fit(features, labels)
    answers: Classes = classifier.predict(vectorizer.transform(questions)).astype(np.int64)
    return answers


def _texts_of(dataset: Path, ids: Ids) -> list[str]:
    """The texts of some samples, in the order of their ids."""
    found: dict[int, str] = {}
    for batch in Dataset(dataset).batches(["id", "text"]):
        numbers = ids_to_u64(column(batch, "id").to_pylist())
        texts = column(batch, "text")
        for place in np.flatnonzero(np.isin(numbers, ids)):
            found[int(numbers[place])] = texts[int(place)].as_py() or ""
    if len(found) < len(ids):
        raise DataError(
            f"{len(ids) - len(found)} samples of the comparison are not in the data set",
            where=str(dataset),
        )
    return [found[int(number)] for number in ids]
