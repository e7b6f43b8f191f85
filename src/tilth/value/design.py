"""What each arm of an experiment stands for, in the words that its result is told in."""

from __future__ import annotations

from dataclasses import dataclass

from tilth.value.settings import PRETRAIN, Change, Settings


@dataclass(frozen=True)
class Design:
    """What an arm stands for.

    Attributes:
        decision: What the verdict is about.
        what: The difference in a sentence.
        sign: 1 if the arm has the decision and the control has not, -1 the other way round.
        is_check: An A/A arm: no claim, so it takes no share of the error probability.
        from_scratch: The arm leaves pretraining out, so it must have had enough steps.
    """

    decision: str
    what: str
    sign: int
    is_check: bool = False
    from_scratch: bool = False


def designs(settings: Settings) -> dict[str, Design]:
    """The arms of an experiment by name, in their order."""
    return {
        name: Design(
            decision=change.decision,
            what=_what(change),
            sign=change.sign,
            is_check=change.same,
            from_scratch=change.without == PRETRAIN,
        )
        for name, change in settings.arms.items()
    }


def _what(change: Change) -> str:
    if change.same:
        return "the same data again: any difference would be an error of the experiment"
    if change.without or change.without_source:
        return f"the recipe with {change.decision} less the recipe without it"
    return (
        f"the recipe with {change.decision.removeprefix(change.step + ' with ')} in "
        f"{change.step} less the recipe as it stands"
    )
