"""What a task asks of data, model and recipe. Loads no torch: recipes are checked without it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from tilth.errors import UsageError
from tilth.labels import Label
from tilth.models.facts import Facts
from tilth.models.settings import ModelSettings
from tilth.settings import AnyOrder, BaseSettings, is_default
from tilth.splits import SPLITS, SplitName
from tilth.tasks.registry import declaration, task_names
from tilth.training.settings import Limits


def _validated(given: object) -> str:
    """A name of whatever tasks there are when it is given; another is refused, with the closest."""
    names = task_names()
    if not isinstance(given, str) or given not in names:
        listed = [f"'{name}'" for name in names]
        expected = " or ".join(filter(None, (", ".join(listed[:-1]), listed[-1])))
        raise PydanticKnownError("literal_error", {"expected": expected})
    return given


class _OneOf:
    """A field that takes the name of any task."""

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_validated)


if TYPE_CHECKING:
    TaskName = str
else:
    TaskName = _OneOf


# Settings of `data` that choose samples, whatever is learnt from them.
_CHOOSING = ("sources", "labels", "train", "validation", "test", "validation_share")
Side = Annotated[int, Field(ge=1, le=8192)]
Names = Annotated[tuple[str, ...], AnyOrder()]
LabelNames = Annotated[tuple[Label, ...], AnyOrder()]


def require_fit(task: TaskName, model: ModelSettings) -> None:
    """Refuse a model that cannot learn the task.

    Raises:
        ValueError: It cannot.
    """
    fitting = declaration(task).models
    if model.kind not in fitting:
        raise ValueError(f"task {task} needs model.kind {' or '.join(fitting)}, not {model.kind}")


class DataSettings(BaseSettings):
    """Which samples are trained on and measured on, and how they become numbers."""

    sources: Names = Field(default=(), description="keep only these sources; empty: all")
    labels: LabelNames = Field(
        default=(), description="keep only samples with these labels; empty: all"
    )
    train: SplitName = Field(default="train", description="value of `split` that is trained on")
    validation: SplitName = Field(
        default="validation", description="value of `split` that decides when to stop"
    )
    test: SplitName = Field(
        default="test", description="value of `split` that is measured once, at the end"
    )
    validation_share: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="share of the training samples, chosen by a hash of their id, that is held "
        "out for validation where the data has no validation split",
    )
    vocabulary: int | None = Field(
        default=None,
        ge=258,
        le=65_535,
        description="text: tokens of the byte-level BPE vocabulary at most, few texts give fewer; "
        "empty: 2048",
    )
    tokenizer: Literal["bytes-bpe", "characters"] | None = Field(
        default=None,
        description="text: byte-level BPE, or one token a character of the training split; empty: "
        "bytes-bpe",
    )
    tokenizer_sources: Names = Field(
        default=(),
        description="text: sources whose training texts the vocabulary is learnt from; empty: "
        "those that are trained on",
    )
    shuffle: bool = Field(
        default=True,
        description="text-generation: pack the documents in the order of a hash of their id. In a "
        "file that is sorted by class, what follows a text tells its class, labels or not",
    )
    max_length: int | None = Field(
        default=None,
        ge=3,
        description="text-classification, translation: tokens of a text that are read, its end "
        "tokens (two, of a translation one) included; the rest is cut off; empty: as the model "
        "that is started from, or else 128",
    )
    sample_rate: int | None = Field(
        default=None,
        ge=1000,
        le=192_000,
        description="speech: samples a second to resample to; empty: as the model that is started "
        "from, or else 8000",
    )
    mels: int | None = Field(
        default=None,
        ge=4,
        le=256,
        description="speech: bands of a frame, evenly spaced in mel; empty: as the model that is "
        "started from, or else 40",
    )
    image_size: tuple[Side, Side] | None = Field(
        default=None,
        description="images: height and width to resize to; empty: as the model that is started "
        "from, or else all must agree already",
    )
    channels: Literal[1, 3] | None = Field(
        default=None,
        description="images: 1 for grey, 3 for colour; empty: as the model that is started from, "
        "or else 3 where one of all images has colours",
    )

    @model_validator(mode="after")
    def _acts(self) -> DataSettings:
        if len({self.train, self.validation, self.test}) < 3:
            raise ValueError(
                "train, validation and test must be three different splits, not "
                f"{self.train}, {self.validation}, {self.test}"
            )
        if self.tokenizer == "characters" and not says_nothing(self, "vocabulary"):
            raise ValueError(
                "`vocabulary` does nothing with tokenizer: characters, which has one token a "
                "character"
            )
        return self


class TargetDataSettings(BaseSettings):
    """Which samples a trained model is carried over to; they are read as those it was trained on.

    Nothing is validated while a model is carried over: what `split` calls validation is left out,
    and of data without splits nothing is held back.
    """

    sources: Names = Field(default=(), description="keep only these sources; empty: all")
    labels: LabelNames = Field(
        default=(), description="keep only samples with these labels; empty: all"
    )
    train: SplitName = Field(default="train", description="value of `split` that is trained on")
    test: SplitName = Field(default="test", description="value of `split` that is measured on")
    shuffle: bool = Field(
        default=True,
        description="text-generation: pack the documents in the order of a hash of their id",
    )
    max_length: int | None = Field(
        default=None,
        ge=3,
        description="text-classification, translation: tokens of a text that are read; empty: as "
        "the model was trained, or else 128, and not more than it reads at once",
    )

    @model_validator(mode="after")
    def _differ(self) -> TargetDataSettings:
        if self.train == self.test:
            raise ValueError(f"train and test must be two different splits, not both {self.train}")
        return self

    @property
    def whole(self) -> DataSettings:
        """As what is prepared: the split that is neither is left out."""
        left = next(name for name in SPLITS if name not in (self.train, self.test))
        return DataSettings(**self.model_dump(), validation=left, validation_share=0.0)


@dataclass(frozen=True)
class SampleForm:
    """How samples become numbers, settled: what `DataSettings` may leave empty.

    Attributes:
        vocabulary, tokenizer: Of text, where the tokenizer is learnt.
        max_length: Tokens of a text that are read.
        sample_rate, mels: Of sound.
        image_size: Height and width; None: all pictures must agree.
        channels: 1 or 3; None: 1 where all pictures are grey.
    """

    vocabulary: int = 2048
    tokenizer: Literal["bytes-bpe", "characters"] = "bytes-bpe"
    max_length: int = 128
    sample_rate: int = 8000
    mels: int = 40
    image_size: tuple[int, int] | None = None
    channels: Literal[1, 3] | None = None


def form_of(
    data: DataSettings, model: Facts | None = None, section: str = "data", *, window: int = 0
) -> SampleForm:
    """What the settings give; what they leave empty is the model's, or else the default.

    Args:
        data: As a recipe has them.
        model: What the model that is started from says of its data; None: there is none.
        section: Where the settings stand in the recipe, for the message.
        window: Tokens that the network reads at once; 0: as many as there are.

    Raises:
        UsageError: They give what the model was trained on otherwise, or more than it reads.
    """
    names = [field.name for field in fields(SampleForm)]
    given = {name: one for name in names if (one := getattr(data, name)) is not None}
    trained = {} if model is None else _trained_on(model)
    for name, value in trained.items():
        if given.get(name, value) != value:
            raise UsageError(
                f"`{name}` is {_spelt(given[name])}, and the model was trained with "
                f"{_spelt(value)}",
                where=f"{section}.{name}",
                hint="leave it out: samples are read as those that the model was trained on",
                code="read-otherwise",
            )
    found = replace(SampleForm(), **{**trained, **given})
    if window and found.max_length > window:
        if "max_length" in given:
            raise UsageError(
                f"`max_length` is {found.max_length}, and the model reads {window} tokens at once",
                where=f"{section}.max_length",
                hint=f"{window} or less; longer texts are cut, or raise `model.context`",
            )
        found = replace(found, max_length=window)
    return found


def settled(data: DataSettings, window: int = 0) -> DataSettings:
    """The settings with what they leave empty given, where no model is started from.

    Args:
        data: As a recipe has them.
        window: As of `form_of`.

    Raises:
        UsageError: As `form_of`.
    """
    return data.model_copy(update=asdict(form_of(data, window=window)))


def _trained_on(model: Facts) -> dict[str, object]:
    """How a model's samples were read, as far as there were samples of the kind."""
    channels, *size = model.sizes.image
    known = {
        "max_length": model.max_length,
        "sample_rate": model.sample_rate,
        "mels": model.sizes.mels,
        "image_size": tuple(size) if channels else None,
        "channels": channels,
    }
    return {name: value for name, value in known.items() if value}


def _spelt(value: object) -> str:
    return " x ".join(map(str, value)) if isinstance(value, tuple) else str(value)


class ObjectiveSettings(BaseSettings):
    """What is asked of the model beside the task: how loss and answers are made."""

    label_smoothing: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="classification, image-rotation, translation: probability spread over all "
        "outputs in training (Szegedy et al. 2016)",
    )
    mixup: float = Field(
        default=0.0,
        ge=0,
        description="image-classification: alpha of MixUp (Zhang et al. 2018); 0: none",
    )
    views: Literal["mirror", "mirror-shift"] | None = Field(
        default=None,
        description="image-classification: answer with the mean over an image and its mirror "
        "image; and over both shifted by a pixel",
    )
    temperature: float = Field(
        default=0.2, ge=1e-3, le=1000, description="image-contrastive: softness of the comparison"
    )
    beam: int = Field(
        default=5, ge=1, description="translation: hypotheses kept in beam search; 1: greedy"
    )
    length_penalty: float = Field(
        default=1.0,
        ge=0,
        description="translation: scores are divided by length to this power",
    )
    lexicon: Literal["words", "transcripts"] | None = Field(
        default=None,
        description="speech-recognition: answer in words, or in whole transcripts, of the training "
        "split; null: spell freely",
    )


def require_read(
    task: TaskName,
    data: DataSettings | None = None,
    objective: ObjectiveSettings | None = None,
    loop: Limits | None = None,
) -> None:
    """Refuse what is set otherwise than by default and the task does not read.

    Args:
        task: Declares what it reads.
        data: Settings of data; those that choose samples every task reads.
        objective: Settings of the objective.
        loop: Its limits, for tokens are counted of text; and how many samples it has at once.

    Raises:
        ValueError: It does not read them, with the tasks that do; or another setting leaves one of
            them nothing to do.
    """
    declared = declaration(task)
    given: list[tuple[str, BaseSettings | None, tuple[str, ...]]] = [
        ("data", data, (*_CHOOSING, *declared.data.reads)),
        ("objective", objective, declared.objective),
    ]
    found = [
        f"task {task} does not read `{block}.{name}`, only " + " and ".join(_readers(block, name))
        for block, settings, read in given
        if settings is not None
        for name in type(settings).model_fields
        if name not in read and not says_nothing(settings, name)
    ]
    if found:
        raise ValueError("; ".join(found))
    if objective is not None and objective.beam == 1 and objective.length_penalty != 1:
        # Not refused by the settings themselves: models of earlier versions are kept with both.
        raise ValueError("`objective.length_penalty` does nothing with beam: 1")
    if loop is not None and loop.max_tokens is not None and declared.data.payload != "text":
        raise ValueError(f"`loop.max_tokens` counts tokens of text, and task {task} reads none")
    if loop is not None:
        at_once = {
            "batch_size over accumulate": loop.batch_size // loop.accumulate,
            "evaluation_batch_size": loop.evaluation_batch_size,
        }
        for name, number in at_once.items():
            if number < declared.at_once:
                raise ValueError(
                    f"task {task} compares samples with each other: `loop.{name}` must be "
                    f"{declared.at_once} or more, not {number}"
                )


def read_of(task: TaskName, objective: ObjectiveSettings) -> ObjectiveSettings:
    """What of an objective a task reads, the rest as if nobody had given it.

    Args:
        task: Not the one that the objective was given for.
        objective: As given.
    """
    read = declaration(task).objective
    return ObjectiveSettings(**{name: getattr(objective, name) for name in read})


def says_nothing(settings: BaseSettings, name: str) -> bool:
    """Whether a setting is left out, or is what holds where it is.

    Copies of recipes that earlier versions left write out what empty stands for in `SampleForm`.
    """
    value = getattr(settings, name)
    return is_default(settings, name) or value == getattr(SampleForm(), name, None)


def _readers(block: str, name: str) -> list[str]:
    read = {
        task: declaration(task).data.reads if block == "data" else declaration(task).objective
        for task in task_names()
    }
    return [task for task, names in read.items() if name in names]
