"""What a recipe asks people: the section `annotate`, settings of orders and no step."""

from __future__ import annotations

from math import isfinite
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from tilth.labels import Label
from tilth.settings import AnyOrder, BaseSettings, is_default

OfField = Annotated[str, StringConstraints(pattern=r"^meta\..+")]
Shown = Literal["text", "target", "image", "audio"] | OfField
Choice = Literal["random", "stratified", "suspect", "disputed", "lacking"]
# More classes than anybody reads through for each item.
_MAX_CLASSES = 1000


class Acceptance(BaseSettings):
    """What an annotator's answers in a round must come up to, to be accepted.

    What falls short is held, for somebody to decide; what is surely worse on gold is returned.
    """

    min_gold_accuracy: float = Field(
        0.7,
        ge=0,
        le=1,
        description="share of gold items answered rightly: from this on accepted; below it held, "
        "and returned where all of its 95 % interval is below",
    )
    min_gold_answers: int = Field(
        5, ge=1, description="with fewer answers to gold items the round is held"
    )
    min_repeat_agreement: float | None = Field(
        None, ge=0, le=1, description="share of repeated items answered alike, below which: held"
    )
    min_alpha: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="Krippendorff's alpha with the others' answers, below which: held",
    )
    scale: Literal["nominal", "ordinal", "interval"] = Field(
        "nominal",
        description="of the classes, for alpha: nominal; ordinal: they are listed from the lowest "
        "grade on; interval: they are numbers",
    )
    min_text_agreement: float | None = Field(
        None,
        ge=0,
        le=1,
        description="mean likeness to the others' texts, below which: held (free text)",
    )
    text_metric: Literal["wer", "cer", "chrf"] = Field(
        "wer",
        description="how alike texts are: 1 less edits of words (wer) or characters (cer) by the "
        "longer text's length, or chrF (free text)",
    )
    min_seconds: float | None = Field(
        None,
        gt=0,
        description="median time of an answer, below which: held (where times are given)",
    )


class Annotate(BaseSettings):
    """What people are asked of which samples, and when their answers are accepted."""

    question: str = Field(
        ..., min_length=1, max_length=2000, description="what is asked of each item"
    )
    classes: tuple[Label, ...] = Field(
        (),
        max_length=_MAX_CLASSES,
        description="the answers to choose from, in this order; none: free text, as a transcript",
    )
    guidelines: str | None = Field(
        None, min_length=1, description="file that goes out with each order: how to decide"
    )
    step: str | None = Field(
        None,
        min_length=1,
        description="step whose kept samples are ordered, one of label before `annotations` too; "
        "the last of collect, clean and deduplicate if none",
    )
    show: tuple[Shown, ...] = Field(
        (),
        description="columns that annotators see, in this order: text, target, image, audio, "
        "meta.NAME; text, image and audio if none. Nothing else of a sample leaves",
    )
    allow: Annotated[tuple[Shown, ...], AnyOrder()] = Field(
        (),
        description="shown columns that leave as they are, where otherwise placeholders stand for "
        "e-mail, IP, bank account, card and telephone numbers",
    )
    annotators: int = Field(3, ge=1, le=1000, description="people who answer each item")
    gold: float = Field(
        0,
        ge=0,
        le=100_000,
        description="items with a known answer that are planted in a round: a share of its items "
        "below 1, else a number",
    )
    gold_from: Literal["label", "target"] | OfField = Field(
        "label", description="column of the known answers; samples that have one are gold"
    )
    repeats: float = Field(
        0,
        ge=0,
        le=100_000,
        description="items that stand in a round twice: a share of its items below 1, else a "
        "number",
    )
    choose: Choice = Field(
        "random",
        description="which items: random; stratified: each stratum by its share; suspect: those "
        "whose label `label_errors` takes to be wrong, the worst first; of items that "
        "were answered before, disputed: those whose answers disagree; lacking: those whose "
        "answers were returned or never came",
    )
    stratify_by: Literal["label", "source", "split"] | OfField = Field(
        "source", description="column of the strata (stratified)"
    )
    min_agreement: float = Field(
        1.0,
        gt=0,
        le=1,
        description="an item is disputed if the most given answer has a smaller share, or texts "
        "are less alike by `text_metric` (disputed)",
    )
    relabel: bool = Field(False, description="order samples that have a label already as well")
    price: float | None = Field(None, ge=0, le=1_000_000, description="of one answer")
    currency: str | None = Field(
        None, pattern=r"^[A-Z]{3}$", description="of the price, as EUR (ISO 4217)"
    )
    accept: Acceptance = Field(
        Acceptance(), description="what answers must come up to, for each annotator and round"
    )
    ledger: str | None = Field(
        None,
        min_length=1,
        description="folder of what was ordered, answered and accepted; annotations/NAME if none",
    )

    @field_validator("classes")
    @classmethod
    def _are_choices(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        if len(classes) == 1:
            raise ValueError(f"there is nothing to choose: `{classes[0]}` is the only class")
        twice = next((name for name in classes if classes.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"the class `{twice}` stands twice")
        return classes

    @field_validator("gold", "repeats")
    @classmethod
    def _is_share_or_number(cls, value: float) -> float:
        if value >= 1 and value != int(value):
            raise ValueError(f"a share below 1 or a whole number, not {value:g}")
        return value

    @model_validator(mode="after")
    def _acts(self) -> Annotate:
        if (self.price is None) != (self.currency is None):
            there, lacks = ("price", "currency") if self.currency is None else ("currency", "price")
            raise ValueError(f"`{there}` says nothing without `{lacks}`")
        stray = sorted({*self.allow} - {*self.show}) if self.show else []
        if stray:
            raise ValueError(f"`allow` names `{stray[0]}`, which `show` does not show")
        self._never_measured()
        # A default that is written out, as in a resolved recipe, says nothing.
        if self.choose != "stratified" and not is_default(self, "stratify_by"):
            raise ValueError("`stratify_by` does nothing without `choose: stratified`")
        return self

    def _never_measured(self) -> None:
        """Refuse a bound on what no order of these settings measures."""
        for name, lacks in (
            ("min_gold_accuracy", not self.gold and "`gold`"),
            ("min_gold_answers", not self.gold and "`gold`"),
            ("min_repeat_agreement", not self.repeats and "`repeats`"),
            ("min_alpha", self.annotators < 2 and "`annotators: 2` or more"),
            ("min_alpha", not self.classes and "`classes`"),
            ("min_text_agreement", self.annotators < 2 and "`annotators: 2` or more"),
        ):
            if lacks and not is_default(self.accept, name):
                raise ValueError(f"`accept.{name}` bounds nothing without {lacks}")
        self._of_other_answers()

    def _of_other_answers(self) -> None:
        """Refuse what is of texts where there are classes, and the other way round."""
        of_texts, of_classes = ("min_text_agreement", "text_metric"), ("scale",)
        for name in of_texts if self.classes else of_classes:
            if not is_default(self.accept, name):
                kind = "`classes`, which are no texts" if self.classes else "free text"
                raise ValueError(f"`accept.{name}` does nothing with {kind}")
        if self.accept.scale == "interval":
            stray = next((name for name in self.classes if not _is_number(name)), None)
            if stray is not None:
                raise ValueError(f"the class `{stray}` is no number, as `scale: interval` wants")


def _is_number(text: str) -> bool:
    try:
        return isfinite(float(text))
    except ValueError:
        return False


def number_of_planted(share: float, num_items: int) -> int:
    """How many items a share of a round, or a number, comes to.

    Args:
        share: Below 1 a share, of which a part of an item is a whole one; else a number.
        num_items: Of the round, without what is planted.
    """
    if share >= 1:
        return int(share)
    return -int(-share * num_items // 1) if share else 0
