"""How a model is trained, whatever it learns. Loads no torch: recipes are checked without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import Field, model_validator

from tilth.machine import training_device
from tilth.settings import ActsOn, AnyOrder, BaseSettings, is_default

Decay = Annotated[float, Field(ge=0, lt=1)]
# Settings of an update rule or a schedule, and the values of `kind` or `schedule` that read them.
_READ_BY = {
    "betas": ("kind", ("adam", "adamw", "muon")),
    "momentum": ("kind", ("sgd", "muon")),
    "adam_share": ("kind", ("muon",)),
    "cooldown_share": ("schedule", ("cooldown",)),
}
_NEED_AN_END = ("cosine", "cooldown", "one-cycle")


class OptimizerSettings(BaseSettings):
    """How a gradient becomes a change of the weights."""

    kind: Literal["adam", "adamw", "sgd", "muon"] = Field(
        default="adamw",
        description="the update rule; muon: of matrices and kernels, the rest by adamw",
    )
    learning_rate: float = Field(default=1e-3, gt=0, description="the peak of the schedule")
    rates: Annotated[dict[str, Annotated[float, Field(gt=0)]], AnyOrder()] = Field(
        default_factory=dict,
        description="parameters whose names begin like this learn at so many times the rate, as "
        "{head.: 10} (Howard and Ruder 2018, section 3.2)",
    )
    betas: tuple[Decay, Decay] = Field(
        default=(0.9, 0.99),
        description="adam, adamw, and what muon leaves to adamw: decay a step of the gradient's "
        "mean and of its square's",
    )
    momentum: float = Field(
        default=0.9, ge=0, lt=1, description="sgd, muon: Nesterov momentum; 0: none"
    )
    adam_share: float = Field(
        default=0.1,
        gt=0,
        le=1000,
        description="muon: rate of what adamw updates, over the rate of the matrices",
    )
    weight_decay: float = Field(
        default=0.0,
        ge=0,
        description="decay of matrices and kernels; biases and gains are left alone",
    )
    schedule: Literal["constant", "cosine", "cooldown", "one-cycle", "inverse-sqrt"] = Field(
        default="constant",
        description="after the warm-up: constant; cosine to a tenth at the last step; cooldown: "
        "constant, then linear to 0 over the last `cooldown_share` of the steps; one-cycle: linear "
        "to 0 at the last step; inverse-sqrt: peak x sqrt(warmup_steps / step)",
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

    def _unread_with(self, given: Mapping[str, Any]) -> set[str]:
        """What another rule or schedule does not read is not taken over with it."""
        return {
            name
            for name, (chosen_by, readers) in _READ_BY.items()
            if given.get(chosen_by, getattr(self, chosen_by)) not in readers
        }

    @model_validator(mode="after")
    def _acts(self) -> OptimizerSettings:
        for name, (chosen_by, readers) in _READ_BY.items():
            chosen = getattr(self, chosen_by)
            if chosen not in readers and not is_default(self, name):
                raise ValueError(
                    f"`{name}` does nothing with {chosen_by}: {chosen}, only with "
                    + " or ".join(readers)
                )
        if self.schedule == "inverse-sqrt" and not self.warmup_steps:
            raise ValueError(
                "schedule inverse-sqrt is peak x sqrt(warmup_steps / step): set `warmup_steps`"
            )
        rate = self.learning_rate * max([1.0, *self.rates.values()])
        rate *= max(self.adam_share, 1.0) if self.kind == "muon" else 1.0
        if self.kind != "adam" and rate * self.weight_decay >= 1:
            raise ValueError(
                f"weight_decay {self.weight_decay:g} at a rate of {rate:g} takes away more of a "
                "weight in one step than there is: their product must be below 1"
            )
        return self


MaxSteps = Annotated[int | None, Field(ge=1, description="optimizer steps at most")]
Epochs = Annotated[
    float | None, Field(gt=0, le=1_000_000, description="passes over the data at most")
]
MaxTokens = Annotated[
    int | None,
    Field(
        ge=1,
        description="text: tokens trained on at most: those that are predicted, or read to tell a "
        "class; the last batch is cut to fit",
    ),
]


class StepSettings(BaseSettings):
    """In what portions, and where, steps are taken, whoever says how many."""

    batch_size: int = Field(default=32, ge=1, description="examples an optimizer step")
    accumulate: int = Field(
        default=1,
        ge=1,
        description="micro-batches that a batch is cut into, to save memory; image-contrastive "
        "compares, and a batch normalization averages, within each",
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
    ema: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="decay a step of a running average of the weights, which is measured and kept "
        "instead of the last weights; 0: none. In the first steps it decays faster, (1 + n) / "
        "(10 + n)",
    )
    evaluation_batch_size: int = Field(
        default=256,
        ge=1,
        description="examples an evaluation step; image-contrastive compares an image with those "
        "of its step, every other figure is the same",
    )

    def normal(self) -> Self:
        """With the device that `auto` is here."""
        return self.model_copy(update={"device": training_device(self.device)})

    @model_validator(mode="after")
    def _is_cut_evenly(self) -> Self:
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"accumulate ({self.accumulate}) must divide batch_size ({self.batch_size})"
            )
        return self


# What two trainings that are compared may take: `auto` decides by a trial, each for itself.
FixedPrecision = Annotated[
    Literal["fp32", "fp32-fast", "bf16"],
    Field(
        description="of matrix products: fp32; fp32-fast, the same numbers by the faster library, "
        "on a GPU TF32; bf16, for processors that have it"
    ),
]


class BudgetSettings(StepSettings):
    """How long each training of a comparison goes on: the same on any machine.

    Its limits count steps and samples: by the clock, or by patience, two methods would differ in
    length for reasons that have nothing to do with them.
    """

    max_steps: MaxSteps = None
    epochs: Epochs = None
    max_tokens: MaxTokens = None
    precision: FixedPrecision = "fp32-fast"

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.max_steps is None and self.epochs is None and self.max_tokens is None:
            raise ValueError("nothing ends this training: set one of max_steps, epochs, max_tokens")
        return self


class LoopSettings(StepSettings):
    """How long, in what portions, and with what care training goes on."""

    max_steps: MaxSteps = None
    epochs: Epochs = None
    max_tokens: MaxTokens = None
    max_seconds: float | None = Field(
        default=None,
        gt=0,
        description="stop at the first step after this many seconds; the only limit that makes "
        "the weights depend on the machine's speed",
    )
    eval_every: int = Field(
        default=0,
        ge=0,
        description="steps between validations, one more at the end; 0: a tenth of the run, or an "
        "epoch where no limit says how many steps it has",
    )
    patience: int = Field(
        default=0, ge=0, description="validations without improvement until converged; 0: never"
    )
    min_improvement: float = Field(
        default=0.0, ge=0, description="fall of the validation loss that counts as an improvement"
    )
    checkpoint_every: Annotated[int, ActsOn("speed")] = Field(
        default=0, ge=0, description="steps between checkpoints; 0: about every 20 seconds"
    )
    precision: Literal["fp32", "fp32-fast", "bf16", "auto"] = Field(
        default="fp32-fast",
        description="of matrix products: fp32; fp32-fast, the same numbers by the faster library; "
        "bf16, for processors that have it; auto, the fastest of these in a trial at the start, "
        "which two runs may decide differently. What was trained in bf16 is measured in fp32-fast. "
        "On a GPU fp32-fast is TF32, and auto is bf16 where the GPU has it",
    )
    tensorboard: bool = Field(
        default=False,
        description="write the curve as TensorBoard's events too, in the folder `tensorboard` "
        "beside metrics.jsonl",
    )
    processes: int = Field(
        default=1,
        ge=1,
        description="processes that share every batch, each with the recipe's threads (torchrun, "
        "gloo); what a batch normalization sees is then a part of the batch",
    )

    @model_validator(mode="after")
    def _ends(self) -> Self:
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
        if self.min_improvement and not self.patience:
            raise ValueError("`min_improvement` does nothing without `patience`")
        return self


# What only a training that stands alone can keep.
ALONE_ONLY = tuple(set(LoopSettings.model_fields) - set(BudgetSettings.model_fields))


def loop_of(steps: StepSettings) -> LoopSettings:
    """What the training loop is given of settings that say less."""
    return LoopSettings.model_validate(steps.model_dump())


class Limits(Protocol):
    """What every loop says of its last step, and of how many samples are seen at once."""

    @property
    def batch_size(self) -> int:
        """Examples an optimizer step."""

    @property
    def accumulate(self) -> int:
        """Micro-batches of a batch."""

    @property
    def evaluation_batch_size(self) -> int:
        """Examples an evaluation step."""

    @property
    def max_steps(self) -> int | None:
        """Optimizer steps at most."""

    @property
    def epochs(self) -> float | None:
        """Passes over the data at most."""

    @property
    def max_tokens(self) -> int | None:
        """Tokens at most."""


def require_end(optimizer: OptimizerSettings, loop: Limits, *, shares: bool = False) -> None:
    """Refuse what depends on a run's last step where none is known, or lies behind it.

    Args:
        optimizer: Its schedule and warm-up.
        loop: Its limits.
        shares: Whether something else, as `unfreeze`, is a share of the run.

    Raises:
        ValueError: There is no last step, or the warm-up goes on beyond it.
    """
    if loop.max_steps is None and loop.epochs is None and loop.max_tokens is None:
        wanting = [f"the schedule `{optimizer.schedule}`"] * (optimizer.schedule in _NEED_AN_END)
        wanting += ["`unfreeze`"] * shares
        if wanting:
            raise ValueError(
                f"{wanting[0]} depends on the last step, and none is set: set loop.max_steps, "
                "loop.epochs or loop.max_tokens"
            )
    if loop.max_steps is not None and optimizer.warmup_steps > loop.max_steps:
        raise ValueError(
            f"the warm-up of {optimizer.warmup_steps} steps is longer than the run of "
            f"{loop.max_steps}: the rate never reaches its peak"
        )
