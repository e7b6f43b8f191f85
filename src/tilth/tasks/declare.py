"""What a task says of itself, so that whoever meets its name need not know it. Loads no torch.

A task is a folder with a line `TASK = Declaration(...)` in its `__init__.py`, and a module `task`
whose `make` builds it. A modality says in its own `__init__.py` how its samples become numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from tilth.augment.registry import Changes
from tilth.models.declare import Interface, require_one_of
from tilth.models.registry import kinds_of

Payload = Literal["text", "image", "audio"]
# The commands that ask a model.
Verb = Literal["", "generate", "translate", "transcribe", "classify"]


@dataclass(frozen=True)
class Metric:
    """A figure of merit.

    Attributes:
        name: Its key in results.
        heading: As the field writes it, with its unit, where it stands alone.
        unit: What follows the number.
        scale: The figure is scale x sum / sum over the measured units.
        lower_is_better: Its direction.
        smallest_effect: The difference that matters, in the unit, where nobody has named one.
        called: In a sentence, where that is not the name.
        about: What it says, in a sentence or two.
        rows: What it is of.
        interval: How its 95 % interval over the held-out samples is made.
        source: Paper and equation, or its definition in ten words.
        reference: What a test compares it with.
        test: That test.
    """

    name: str
    heading: str
    unit: str
    scale: float = 100.0
    lower_is_better: bool = False
    smallest_effect: float = 0.5
    called: str = ""
    about: str = ""
    rows: str = ""
    interval: str = ""
    source: str = ""
    reference: str = ""
    test: str = ""

    @property
    def words(self) -> str:
        """Its name in a sentence."""
        return self.called or self.name.replace("_", " ")


_TESTS = "tests/tasks/test_metrics.py"
BY_JACKKNIFE = (
    "jackknife over the samples, or their groups (Tukey 1958), with two more as far off as the "
    "farthest"
)
BY_EXACT = (
    "exact interval of a share (Clopper and Pearson 1934); of groups by as many samples as they "
    "are worth (Korn and Graubard 1998)"
)
# A hundredth of a bit or a nat is about what pairing can resolve in small models; half a point is
# the last digit that results are usually quoted to.
LOSS = Metric(
    "loss",
    "loss (nats a target)",
    "nats",
    1.0,
    lower_is_better=True,
    smallest_effect=0.01,
    about="Mean of -log p of the right answer, over all targets: classes, tokens, transcripts; "
    "without label smoothing, augmentation or dropout.",
    rows="all targets of a held-out split; of speech but for what its steps cannot spell",
    interval=BY_JACKKNIFE,
    source="cross-entropy: -sum log p(target) / number of targets; of speech Graves et al. 2006, "
    "equation 8",
    reference="scikit-learn's log_loss",
    test=f"{_TESTS}::test_the_loss_of_classes_is_scikit_learns",
)
BITS_PER_BYTE = Metric(
    "bits_per_byte",
    "bits per byte",
    "bits/byte",
    1.0,
    lower_is_better=True,
    smallest_effect=0.01,
    about="Length of the code that the model gives the texts, over their length in UTF-8. What "
    "its tokens do not tell, as an unknown character, costs 8 bits a byte; so no vocabulary "
    "makes it look better than it is.",
    rows="the texts of a held-out split as given, whole; of pairs the translations",
    interval=BY_JACKKNIFE,
    source="-sum log2 p(token) / UTF-8 bytes (Gao et al. 2020, The Pile, section 3.1)",
    reference="ten lines: the logarithms of the probabilities of each text's tokens, one by one",
    test=f"{_TESTS}::test_bits_per_byte_are_the_length_of_the_code_by_that_of_the_text",
)
ACCURACY = Metric(
    "accuracy",
    "accuracy (%)",
    "%",
    about="Share of the samples whose likeliest class is the right one.",
    rows="the samples of a held-out split",
    interval=BY_EXACT,
    source="right answers / samples",
    reference="scikit-learn's accuracy_score",
    test=f"{_TESTS}::test_accuracy_and_top5_are_scikit_learns",
)
MACRO_F1 = Metric(
    "macro_f1",
    "macro F1 (%)",
    "%",
    about="Mean over classes of F1, each class counting alike however rare it is. Of the classes "
    "that occur among the labels or the answers of the split.",
    rows="the samples of a held-out split",
    interval=f"{BY_JACKKNIFE}; none where one class alone occurs, or one with fewer than two "
    "samples",
    source="mean of 2 TP / (2 TP + FP + FN); van Rijsbergen 1979",
    reference="scikit-learn's f1_score, average macro",
    test=f"{_TESTS}::test_macro_f1_is_scikit_learns",
)


@dataclass(frozen=True)
class Data:
    """How samples become numbers, and what they are called.

    Attributes:
        module: Has `write` and `read`: lays a split down as arrays, maps it into memory.
        payload: The column that a sample is read from; a new sample is such a text, or a file.
        items: What is measured one by one, in the plural.
        sheet: Has `looks`: what augmentation makes of a sample, to be shown. Empty: nothing is.
        reads: Settings of `data` that decide the numbers, beside those that choose samples. Any
            other is refused where a recipe gives it.
    """

    module: str
    payload: Payload
    items: str
    sheet: str = ""
    reads: tuple[str, ...] = ()


@dataclass(frozen=True)
class Declaration:
    """A task.

    Attributes:
        name: As written in a recipe.
        data: How samples become numbers.
        interface: How it calls a network: the models of that interface can learn it.
        metrics: Its figures, the primary one first.
        labels: Whether every sample needs a label.
        outputs: Names of the model's outputs, where the task decides them and not the data.
        transforms: Kinds of augmentation that it takes (see `tilth.augment.chain`).
        verb: The command that asks its model; empty: it answers nothing.
        answer: What an answer is compared with: the column of that name. Empty: with nothing.
        prompts: Whether it goes on with what it is given, rather than answer it.
        asked_with: Options of asking that decide the answer (see `PredictSettings`).
        use: What its model is for, in words that follow "for".
        pipeline: The Hugging Face hub's word for it.
        needs: Packages of the extra `train` that it uses and training in general does not.
        objective: Settings of `objective` that it reads; any other is refused where a recipe gives
            it.
        at_once: How many samples it needs side by side: more than one where it compares them.
        seen: What the targets of its training are called, where they measure how much it saw:
            `tokens`. Empty: its samples are counted, by the name that `data` has for them.
    """

    name: str
    data: Data
    interface: Interface
    metrics: tuple[Metric, ...]
    use: str
    pipeline: str
    labels: bool = False
    outputs: tuple[str, ...] = ()
    transforms: tuple[Changes, ...] = ()
    verb: Verb = ""
    answer: Literal["", "label", "target"] = ""
    prompts: bool = False
    asked_with: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    objective: tuple[str, ...] = ()
    at_once: int = 1
    seen: str = ""

    def __post_init__(self) -> None:
        """Refuse what nobody could learn, measure, augment or ask.

        Raises:
            ValueError: A value is none of those that there are.
        """
        if not re.fullmatch(r"\w[\w.-]*", self.name):
            raise ValueError(f"name is {self.name!r}, and letters, digits and - are wanted")
        require_one_of("interface", self.interface, get_args(Interface))
        require_one_of("verb", self.verb, get_args(Verb))
        require_one_of("answer", self.answer, ("", "label", "target"))
        require_one_of("data.payload", self.data.payload, get_args(Payload))
        if not isinstance(self.metrics, tuple) or not self.metrics:
            raise ValueError("metrics is a tuple of at least one Metric, the primary one first")
        if not isinstance(self.transforms, tuple):
            raise ValueError('transforms is a tuple of kinds, as ("images",)')
        for kind in self.transforms:
            require_one_of("transforms", kind, get_args(Changes))

    @property
    def models(self) -> tuple[str, ...]:
        """Kinds of model that can learn it."""
        return kinds_of(self.interface)

    @property
    def metric(self) -> Metric:
        """The primary figure, by which results are compared."""
        return self.metrics[0]

    @property
    def primary(self) -> tuple[str, str, float, bool]:
        """Its name, unit, scale, and whether lower is better."""
        return self.metric.name, self.metric.unit, self.metric.scale, self.metric.lower_is_better
