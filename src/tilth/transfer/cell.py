"""What of a recipe one cell of a comparison stands on.

A cell is run from its `CellSettings` and from nothing else that a recipe says. So they are what a
kept result is found again by: another size, method, seed or smallest effect leaves it as it is.
"""

from __future__ import annotations

from tilth.augment import specs
from tilth.augment.registry import TransformSpec
from tilth.pretrain.start import CONFIG, TOKENIZER, WEIGHTS
from tilth.settings import BaseSettings
from tilth.tasks.registry import declaration
from tilth.tasks.settings import ObjectiveSettings, TargetDataSettings, TaskName
from tilth.training.settings import BudgetSettings, OptimizerSettings
from tilth.transfer.result import Cell
from tilth.transfer.settings import BY_WORDS, Method, Planned, Settings

# Of a trained model: what says how it is built and how it reads; and what it has learnt.
_DESCRIPTION = (f"model/{CONFIG}", f"model/{TOKENIZER}")
_LEARNT = f"model/{WEIGHTS}"


class Training(BaseSettings):
    """How the network of one cell learns.

    Attributes:
        objective: None: as the model's own.
        augment: The transforms that the task takes.
        freeze, unfreeze: In the order of their names, for no other order says anything.
        rank: Of method lora; None of the others.
    """

    objective: ObjectiveSettings | None
    augment: tuple[TransformSpec, ...]
    optimizer: OptimizerSettings
    loop: BudgetSettings
    freeze: tuple[str, ...]
    unfreeze: dict[str, float]
    rank: int | None

    def normal(self) -> Training:
        """With each transform's settings as they act."""
        return self.model_copy(update={"augment": specs.normal(self.augment)})


class CellSettings(BaseSettings):
    """All that one cell reads of a recipe.

    Attributes:
        task: None: the model's own, where the plan does not say what that is.
        metric: Empty: the task's own figure, by whatever name it was asked for.
        training: None of a method that trains no network.
    """

    method: Method
    size: int
    per_class: bool
    seed: int
    task: TaskName | None
    data: TargetDataSettings
    test_size: int | None
    metric: str
    group: str
    training: Training | None

    @property
    def carries_weights(self) -> bool:
        """Whether the method begins with what the model has learnt."""
        return self.training is not None and self.method != "scratch"

    @property
    def reads(self) -> tuple[str, ...]:
        """What of the inputs decides the cell: `data`, and files of `model`."""
        if self.task is not None and self.training is None:
            # The words of the texts: how the model cuts them decides neither samples nor labels.
            return ("data",)
        weights = (_LEARNT,) if self.carries_weights else ()
        return ("data", *_DESCRIPTION, *weights)


def settings_of(cell: Cell, settings: Settings, planned: Planned) -> CellSettings:
    """What of a comparison decides one of its cells.

    Args:
        cell: Which.
        settings: The comparison.
        planned: The recipe's transforms, and the stage that trains the model.
    """
    task = settings.task or (None if planned.pretrain is None else planned.pretrain.task)
    own_figure = None if task is None else declaration(task).metric.name
    return CellSettings(
        method=cell.method,
        size=cell.size,
        per_class=settings.sizes_per_class,
        seed=cell.seed,
        task=task,
        data=settings.data,
        test_size=settings.test_size,
        metric="" if settings.metric == own_figure else settings.metric,
        group=settings.group,
        training=None
        if cell.method == BY_WORDS
        else _training(cell.method, task, settings, planned),
    )


def _training(
    method: Method, task: TaskName | None, settings: Settings, planned: Planned
) -> Training:
    optimizer, loop = settings.recipe_of(method)
    own, augment = settings.own_of(method), planned.augment
    return Training(
        objective=settings.objective,
        augment=augment if task is None else specs.taken(augment, declaration(task).transforms),
        optimizer=optimizer,
        loop=loop,
        freeze=tuple(sorted(set(own.freeze))),
        unfreeze=dict(sorted(own.unfreeze.items())),
        rank=settings.rank if method == "lora" else None,
    )
