"""Every setting of training. This module loads no torch: recipes are checked without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tilth.pretrain.model_settings import (
    CNNSettings,
    GPTSettings,
    MLPSettings,
    ModelSettings,
)
from tilth.settings import BaseSettings

__all__ = [
    "ITEMS",
    "TASKS",
    "CNNSettings",
    "DataKind",
    "DataSettings",
    "GPTSettings",
    "LoopSettings",
    "MLPSettings",
    "ModelSettings",
    "ObjectiveSettings",
    "OptimizerSettings",
    "Settings",
    "TaskName",
    "require_fit",
]

TaskName = Literal[
    "text-generation",
    "text-classification",
    "translation",
    "image-classification",
    "image-rotation",
    "image-contrastive",
    "speech-recognition",
]
DataKind = Literal["text", "labelled", "pairs", "images", "speech"]


@dataclass(frozen=True)
class TaskKind:
    """What a task asks of the data and of the model.

    Attributes:
        data: How samples become numbers.
        models: Kinds of model that can learn it.
        labels: Whether every sample needs a label.
        outputs: Names of the model's outputs, where the task decides them and not the data.
        transforms: Kinds of augmentation that it takes (see `tilth.augment.chain`).
    """

    data: DataKind
    models: tuple[str, ...]
    labels: bool = False
    transforms: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


_IMAGE_MODELS = ("mlp", "cnn", "resnet")

TASKS: Mapping[TaskName, TaskKind] = {
    "text-generation": TaskKind("text", ("gpt",)),
    "text-classification": TaskKind("labelled", ("gpt",), labels=True, transforms=("tokens",)),
    "translation": TaskKind("pairs", ("seq2seq",)),
    "image-classification": TaskKind("images", _IMAGE_MODELS, labels=True, transforms=("images",)),
    "image-rotation": TaskKind(
        "images", _IMAGE_MODELS, transforms=("images",), outputs=("0", "90", "180", "270")
    ),
    "image-contrastive": TaskKind(
        "images",
        _IMAGE_MODELS,
        transforms=("images",),
        outputs=tuple(f"projection-{number}" for number in range(64)),
    ),
    "speech-recognition": TaskKind("speech", ("ctc",), transforms=("audio", "features")),
}

# What is measured one by one, in the plural.
ITEMS: Mapping[DataKind, str] = {
    "text": "documents",
    "labelled": "texts",
    "pairs": "sentence pairs",
    "images": "images",
    "speech": "utterances",
}


def require_fit(task: TaskName, model: ModelSettings) -> None:
    """Refuse a model that cannot learn the task.

    Raises:
        ValueError: It cannot.
    """
    fitting = TASKS[task].models
    if model.kind not in fitting:
        raise ValueError(f"task {task} needs model.kind {' or '.join(fitting)}, not {model.kind}")


class DataSettings(BaseSettings):
    """Which samples are trained on and measured on, and how they become numbers."""

    sources: tuple[str, ...] = Field(default=(), description="keep only these sources; empty: all")
    labels: tuple[str, ...] = Field(
        default=(), description="keep only samples with these labels; empty: all"
    )
    train: str = Field(default="train", description="value of `split` that is trained on")
    validation: str = Field(
        default="validation", description="value of `split` that decides when to stop"
    )
    test: str = Field(
        default="test", description="value of `split` that is measured once, at the end"
    )
    validation_share: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="share of the training samples, chosen by a hash of their id, that is held "
        "out for validation where the data has no validation split",
    )
    vocabulary: int = Field(
        default=2048, ge=258, le=65_535, description="text: size of the byte-level BPE vocabulary"
    )
    tokenizer: Literal["bytes-bpe", "characters"] = Field(
        default="bytes-bpe",
        description="text: byte-level BPE, or one token a character of the training split",
    )
    tokenizer_sources: tuple[str, ...] = Field(
        default=(),
        description="text: sources whose training texts the vocabulary is learnt from; empty: "
        "those that are trained on",
    )
    shuffle: bool = Field(
        default=True,
        description="text-generation: pack the documents in the order of a hash of their id. In a "
        "file that is sorted by class, what follows a text tells its class, labels or not",
    )
    max_length: int = Field(
        default=128,
        ge=2,
        description="text-classification, translation: tokens of a text that are read; the rest "
        "is cut off",
    )
    sample_rate: int = Field(
        default=8000, ge=1000, description="speech: samples a second to resample to"
    )
    mels: int = Field(
        default=40, ge=4, le=256, description="speech: bands of a frame, evenly spaced in mel"
    )
    image_size: tuple[int, int] | None = Field(
        default=None,
        description="images: height and width to resize to; empty: all must agree already",
    )
    channels: Literal[1, 3] | None = Field(
        default=None,
        description="images: 1 for grey, 3 for colour; empty: what the first image has",
    )


class ObjectiveSettings(BaseSettings):
    """What is asked of the model beside the task: how loss and answers are made."""

    label_smoothing: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="classification, translation: probability spread over all outputs in training "
        "(Szegedy et al. 2016)",
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
        default=0.2, gt=0, description="image-contrastive: softness of the comparison"
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


class OptimizerSettings(BaseSettings):
    """How a gradient becomes a change of the weights."""

    kind: Literal["adam", "adamw", "sgd", "muon"] = Field(
        default="adamw",
        description="the update rule; muon: of matrices and kernels, the rest by adamw",
    )
    learning_rate: float = Field(default=1e-3, gt=0, description="the peak of the schedule")
    rates: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict,
        description="parameters whose names begin like this learn at so many times the rate, as "
        "{head.: 10} (Howard and Ruder 2018, section 3.2)",
    )
    betas: tuple[float, float] = Field(default=(0.9, 0.99), description="adam, adamw: decay rates")
    momentum: float = Field(
        default=0.9, ge=0, lt=1, description="sgd, muon: Nesterov momentum; 0: none"
    )
    adam_share: float = Field(
        default=0.1,
        gt=0,
        description="muon: rate of what adamw updates, over the rate of the matrices",
    )
    weight_decay: float = Field(
        default=0.0,
        ge=0,
        description="decay of matrices and kernels; biases and gains are left alone",
    )
    schedule: Literal["constant", "cosine", "cooldown", "one-cycle", "inverse-sqrt"] = Field(
        default="constant",
        description="after the warm-up: constant; cosine to a tenth at the last step; constant, "
        "then linear to 0 over the last `cooldown_share` of the steps; one-cycle: linear to 0 at "
        "the last step; or peak x sqrt(warmup_steps / step)",
    )
    warmup_steps: int = Field(
        default=0, ge=0, description="steps of linear growth from 0 to the peak"
    )
    cooldown_share: float = Field(
        default=0.2, gt=0, le=1, description="schedule `cooldown`: share of all steps that it takes"
    )
    grad_clip: float = Field(
        default=0.0, ge=0, description="largest L2 norm of the whole gradient; 0: not clipped"
    )


class LoopSettings(BaseSettings):
    """How long, in what portions, and with what care training goes on."""

    batch_size: int = Field(default=32, ge=1, description="examples an optimizer step")
    accumulate: int = Field(
        default=1, ge=1, description="micro-batches that a batch is cut into, to save memory"
    )
    max_steps: int | None = Field(default=None, ge=1, description="optimizer steps at most")
    epochs: float | None = Field(default=None, gt=0, description="passes over the data at most")
    max_tokens: int | None = Field(
        default=None, ge=1, description="text: tokens trained on at most"
    )
    max_seconds: float | None = Field(
        default=None,
        gt=0,
        description="stop at the first step after this many seconds; the only limit that makes "
        "the weights depend on the machine's speed",
    )
    eval_every: int = Field(
        default=0,
        ge=0,
        description="steps between validations; 0: a tenth of the run, or of an epoch",
    )
    patience: int = Field(
        default=0, ge=0, description="validations without improvement until converged; 0: never"
    )
    min_improvement: float = Field(
        default=0.0, ge=0, description="fall of the validation loss that counts as an improvement"
    )
    checkpoint_every: int = Field(
        default=0, ge=0, description="steps between checkpoints; 0: about every 20 seconds"
    )
    precision: Literal["fp32", "fp32-fast", "bf16", "auto"] = Field(
        default="fp32-fast",
        description="of matrix products: fp32; fp32-fast, the same numbers by the faster library; "
        "bf16, for processors that have it; auto, the fastest of these in a trial at the start, "
        "which two runs may decide differently. On a GPU fp32-fast is TF32, and auto is bf16 where "
        "the GPU has it",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto",
        description="where it is computed; auto: on a GPU if there is one, which is part of the "
        "run's identity as the threads are",
    )
    compile: bool | Literal["auto"] = Field(
        default="auto",
        description="compile the network (torch.compile), which takes up to a minute; auto: on a "
        "GPU, in runs of 1,000 steps or more",
    )
    tensorboard: bool = Field(
        default=False,
        description="write the curve as TensorBoard's events too, in the folder `tensorboard` "
        "beside metrics.jsonl",
    )
    ema: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="decay a step of a running average of the weights, which is measured and kept "
        "instead of the last weights; 0: none",
    )
    processes: int = Field(
        default=1,
        ge=1,
        description="processes that share every batch, each with the recipe's threads (torchrun, "
        "gloo); what a batch normalization sees is then a part of the batch",
    )
    evaluation_batch_size: int = Field(default=256, ge=1, description="examples an evaluation step")

    @model_validator(mode="after")
    def _ends(self) -> LoopSettings:
        limits = (self.max_steps, self.epochs, self.max_tokens, self.max_seconds)
        if all(limit is None for limit in limits) and not self.patience:
            raise ValueError(
                "nothing ends this run: set one of max_steps, epochs, max_tokens, max_seconds, "
                "patience"
            )
        if self.processes > 1 and (self.max_seconds is not None or self.precision == "auto"):
            raise ValueError(
                "several processes must agree: with `processes`, no max_seconds and no precision "
                "auto, which each would decide by its own clock"
            )
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"accumulate ({self.accumulate}) must divide batch_size ({self.batch_size})"
            )
        return self


class Settings(BaseSettings):
    """Train a model on the data until it has converged or the budget is spent."""

    task: TaskName = Field(default="text-generation", description="what the model learns to do")
    model: ModelSettings = Field(default=GPTSettings(), description="the network")
    data: DataSettings = Field(default=DataSettings(), description="what it learns from")
    objective: ObjectiveSettings = Field(
        default=ObjectiveSettings(), description="what is asked beside the task"
    )
    optimizer: OptimizerSettings = Field(default=OptimizerSettings(), description="how it learns")
    loop: LoopSettings = Field(default=LoopSettings(epochs=1), description="how long it learns")
    initialise: str = Field(
        default="random",
        description="`random`, or what to start from: the folder of a trained model, or a GPT-2 "
        "in Hugging Face's format, a folder or its name on the hub",
    )
    freeze: tuple[str, ...] = Field(
        default=(), description="parameters whose names begin like this are not trained"
    )
    unfreeze: dict[str, Annotated[float, Field(ge=0, lt=1)]] = Field(
        default_factory=dict,
        description="parameters whose names begin like this are trained after this share of the "
        "run only, as {blocks.0.: 0.5, blocks.1.: 0.25} (Howard and Ruder 2018, section 3.3); of "
        "two prefixes the longer decides",
    )
    cross_validate: Literal["", "subject", "source", "label"] = Field(
        default="",
        description="train once for each value of this column, tested on that value and trained on "
        "the others; the figures are the mean",
    )
    seeds: tuple[int, ...] = Field(
        default=(), description="train once for each, and report the mean; empty: the recipe's seed"
    )
    group: str = Field(
        default="",
        description="column that groups the held-out samples (speaker, site): the intervals of the "
        "figures are then over groups; empty: `subject`, if no held-out one is trained on, or else "
        "each sample by itself",
    )
    augment: tuple[dict[str, Any], ...] = Field(
        default=(),
        description="the recipe's on-the-fly transforms, each {op: settings}; set by the plan",
    )

    @model_validator(mode="after")
    def _model_fits_task(self) -> Settings:
        require_fit(self.task, self.model)
        return self
