"""What comes back is taken once, whole, and nothing of it is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.annotate.places import (
    answered,
    one_round,
    right,
    source_of,
    tasks_of,
    write_answers,
    wrong,
)
from tests.growth.measure import assert_linear, cpu_s
from tilth.annotate import standing
from tilth.annotate import take as take_module
from tilth.annotate.acceptance import judge
from tilth.annotate.ledger import Import, Ledger, Round, open_ledger
from tilth.annotate.order import order
from tilth.annotate.source import Source
from tilth.annotate.standing import standing_of
from tilth.annotate.status import status_of
from tilth.annotate.take import reasons, settle_anew, take
from tilth.errors import DataError, MissingError, UsageError
from tilth.label.accepted import read_accepted
from tilth.recipe.annotate import Acceptance

NAMES = ("per.ek@mailbox.se", "Greta Holm", "A1X2Y3")


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return source_of(tmp_path, labelled=0)


def kept(source: Source) -> list[tuple[str, str, str, str]]:
    return [tuple(one) for one in read_accepted(source.ledger, held=True)]  # type: ignore[misc]


def test_a_file_is_taken_once(source: Source, tmp_path: Path) -> None:
    made = order(source, items=5, to=tmp_path / "out")
    back = answered(tmp_path / "back.csv", made, {"a": right, "b": right})
    (first,) = take(source, [back])
    assert (first.rows, first.answers, first.told, first.lost) == (10, 10, (), 0)
    before = kept(source)
    assert len(before) == 10
    other = back.rename(tmp_path / "other.csv")
    (again,) = take(source, [other])
    assert (again.before, again.number) == (True, 1)
    both = take(source, [other, other])
    assert [one.before for one in both] == [True, True]
    assert kept(source) == before
    assert len(open_ledger(source.ledger).imports) == 1


def test_a_later_export_adds_what_is_new_and_the_last_word_counts(
    source: Source, tmp_path: Path
) -> None:
    made = order(source, items=3, to=tmp_path / "out")
    names = [task["item"] for task in tasks_of(made)]
    take(source, [write_answers(tmp_path / "1.csv", [(name, "a", "cat") for name in names[:2]])])
    rows = [(names[0], "a", "cat"), (names[1], "a", "dog"), (names[2], "a", "dog")]
    (more,) = take(source, [write_answers(tmp_path / "2.csv", rows)])
    assert (more.answers, more.repeated, more.lost) == (2, 1, 0)
    assert [row.why.partition(":")[0] for row in more.told] == [standing.CHANGED]
    assert sorted(row[2] for row in kept(source)) == ["cat", "dog", "dog"]


def test_each_row_that_is_no_answer_is_told_with_its_reason_and_kept(
    source: Source, tmp_path: Path
) -> None:
    made = order(source, items=2, to=tmp_path / "out")
    name = tasks_of(made)[0]["item"]
    path = tmp_path / "back.csv"
    rows = [
        f"{name},a,cat,3",
        "0123456789abcdef,a,cat,3",
        f"{name},b,Cat,3",
        f"{name},,cat,3",
        f"{name},c,,3",
        f"{name},d,cat,soon",
        f"{name},e",
        f'{name},"f"x,cat,3',
    ]
    path.write_text("item,annotator,label,seconds\n" + "\n".join(rows) + "\n")
    (found,) = take(source, [path])
    assert (found.rows, found.answers, found.lost) == (8, 2, 5)
    told = {row.place.rpartition(":")[2]: row.why for row in found.told}
    assert told["3"] == standing.UNKNOWN
    assert told["4"].startswith(standing.NO_CLASS)
    assert "did you mean `cat`?" in told["4"]
    assert told["5"] == standing.NOBODY
    assert told["6"] == standing.NO_ANSWER
    assert "no number of seconds" in told["7"]
    assert told["8"] == "it has 2 cells, and the header 4"
    assert "9" in told
    assert "2" not in told
    # All of it is in the ledger, as it was written.
    (one,) = open_ledger(source.ledger).imports
    assert "Cat" in one.labels
    assert "0123456789abcdef" in one.items
    assert [beginning for _, _, beginning in one.unread] == [f"{name},e", rows[-1]]
    assert sum(num for _, num, _ in reasons(found.told)) == len(found.told)


def test_a_class_that_is_added_later_makes_no_difference_to_a_round_that_is_out(
    source: Source, tmp_path: Path
) -> None:
    made = order(source, items=1, to=tmp_path / "out")
    name = tasks_of(made)[0]["item"]
    wider = source_of(tmp_path, labelled=0, classes=["cat", "dog", "cow"])
    (found,) = take(wider, [write_answers(tmp_path / "1.csv", [(name, "a", "cow")])])
    assert (found.answers, found.lost) == (0, 1)


def test_nobody_counts_twice_for_a_sample_over_all_rounds(tmp_path: Path) -> None:
    source = source_of(tmp_path, labelled=0, annotators=2)
    one_round(tmp_path, source, {"a": right, "b": wrong}, items=4)
    second = one_round(tmp_path, source, {"a": wrong, "c": right}, how="disputed")
    assert second.answers == 4
    assert {row.why for row in second.told} == {standing.BEFORE}
    by_sample: dict[str, list[str]] = {}
    for sample, annotator, _, _ in kept(source):
        by_sample.setdefault(sample, []).append(annotator)
    assert [len(people) for people in by_sample.values()] == [3] * 4
    assert all(len({*people}) == 3 for people in by_sample.values())
    assert status_of(source).not_counted == 4


def test_the_order_of_imports_changes_nothing(tmp_path: Path) -> None:
    found = []
    for turned in (False, True):
        source = source_of(tmp_path, labelled=0, ledger=str(tmp_path / f"ledger-{turned}"))
        one = order(source, items=4, to=tmp_path / f"1-{turned}")
        two = order(source, items=4, to=tmp_path / f"2-{turned}")
        files = [
            answered(tmp_path / f"{turned}-1.csv", one, {"a": right, "b": wrong}),
            answered(tmp_path / f"{turned}-2.csv", two, {"a": right}),
        ]
        for file in reversed(files) if turned else files:
            take(source, [file])
        people = open_ledger(source.ledger).people
        found.append(
            sorted((sample, people.names[who], label) for sample, who, label, _ in kept(source))
        )
    assert found[0] == found[1]


def test_names_of_people_are_in_their_own_file_alone(source: Source, tmp_path: Path) -> None:
    one_round(tmp_path, source, dict.fromkeys(NAMES, right), items=3)
    one_round(tmp_path, source, {NAMES[0]: wrong, "new": wrong}, items=3)
    holding = {
        path.name
        for path in source.ledger.rglob("*")
        if path.is_file() and any(name.encode() in path.read_bytes() for name in NAMES)
    }
    assert holding == {"annotators.json"}
    private = [source.ledger / "annotators.json", *source.ledger.glob("*s/*.json")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    assert len(private) > 2
    shown = json.dumps([vars(work) for work in status_of(source).works], default=str)
    assert not any(name in shown for name in NAMES)
    # One person is one pseudonym in all rounds, and another ledger's is another.
    people = open_ledger(source.ledger).people
    assert len(people.names) == 4
    assert sorted({*people.names.values()}) == sorted([*NAMES, "new"])
    other = source_of(tmp_path, labelled=0, ledger=str(tmp_path / "other"))
    one_round(tmp_path / "x", other, dict.fromkeys(NAMES, right), items=3)
    assert not {*people.names} & {*open_ledger(other.ledger).people.names}


def test_what_cannot_be_read_stops_nothing_half_way(source: Source, tmp_path: Path) -> None:
    made = order(source, items=2, to=tmp_path / "out")
    good = answered(tmp_path / "good.csv", made, {"a": right})
    bad = tmp_path / "bad.csv"
    bad.write_text("worker,said\na,cat\n")
    with pytest.raises(DataError, match="no column `item`; its columns are `worker`, `said`"):
        take(source, [good, bad])
    with pytest.raises(MissingError):
        take(source, [good, tmp_path / "none.csv"])
    assert not open_ledger(source.ledger).imports
    assert take(source, [good])[0].answers == 2


def test_without_an_order_there_is_nothing_to_take(source: Source, tmp_path: Path) -> None:
    back = write_answers(tmp_path / "back.csv", [("x", "a", "cat")])
    with pytest.raises(UsageError, match="nothing was ordered"):
        take(source, [back])
    with pytest.raises(UsageError, match="no round 1"):
        settle_anew(source)


def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(
    source: Source, tmp_path: Path
) -> None:
    made = order(source, items=4, to=tmp_path / "out")
    files = [
        answered(tmp_path / f"{who}.csv", made, {who: right, f"{who}2": wrong}) for who in "ab"
    ]
    wanted = {(who, label) for file in files for _, who, label in _long(file)}
    shutil.copytree(source.ledger, tmp_path / "before")
    killed = 0
    for at in range(20):
        shutil.rmtree(source.ledger)
        shutil.copytree(tmp_path / "before", source.ledger)
        child = os.fork()
        if child == 0:
            _die_at(at)
            take(source, files)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            break
        killed += 1
        ledger = open_ledger(source.ledger)
        # What is there is whole, and of somebody.
        assert all(name in ledger.people.names for one in ledger.imports for name in one.annotators)
        take(source, files)
        ledger = open_ledger(source.ledger)
        assert len(ledger.imports) == 2
        found = [(ledger.people.names[who], label) for _, who, label, _ in kept(source)]
        assert len(found) == 16
        assert {*found} == wanted
    assert killed == 5


@pytest.mark.slow
def test_ten_thousand_answers_are_taken_in_under_five_seconds(tmp_path: Path) -> None:
    """Of the processor, as all times that are promised; three people, some of whom err."""
    source = source_of(tmp_path, num=3400, labelled=0)
    made = order(source, to=tmp_path / "out")
    file = answered(tmp_path / "back.csv", made, {"a": right, "b": wrong, "c": right})
    assert cpu_s(lambda: take(source, [file])) < 5
    assert sum(1 for _ in kept(source)) == 3 * 3400 > 10_000


def _long(file: Path) -> list[tuple[str, str, str]]:
    return [tuple(line.split(",")[:3]) for line in file.read_text().splitlines()[1:]]  # type: ignore[misc]


def _die_at(count: int) -> None:
    """Kill this process as it brings its next file but `count` into its place."""
    replace, left = os.replace, [count]

    def dying(*given: object) -> None:
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        replace(*given)  # type: ignore[arg-type]

    os.replace = dying  # type: ignore[assignment]


def test_what_a_stop_left_behind_its_imports_is_said_and_brought_up_to_date(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = order(source, items=2, to=tmp_path / "out")
    back = answered(tmp_path / "back.csv", made, {"a": right})

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(take_module, "settle", stop)
        with pytest.raises(KeyboardInterrupt):
            take(source, [back])
    with pytest.raises(DataError, match="stopped while it wrote"):
        kept(source)
    assert not status_of(source).settled
    assert settle_anew(source)
    assert status_of(source).settled
    assert len(kept(source)) == 2


def test_a_lost_event_is_an_error(source: Source, tmp_path: Path) -> None:
    for _ in range(2):
        one_round(tmp_path, source, {"a": right}, items=2)
    (source.ledger / "imports" / "0001.json").rename(tmp_path / "gone.json")
    with pytest.raises(DataError, match="import 1 of the ledger is missing"):
        status_of(source)
    (source.ledger / "imports" / "0001.json").write_text("{")
    with pytest.raises(DataError, match="import 1 of the ledger cannot be read"):
        take(source, [tmp_path / "back-1.csv"])


def made_up(rounds: int, answers: list[tuple[int, int, str]], task_of: int) -> Ledger:
    """A ledger in memory: `task_of` tasks a round, and answers (task, person, label)."""
    number = 0
    made = []
    for index in range(1, rounds + 1):
        tasks = [f"t{number + at}" for at in range(task_of)]
        number += task_of
        made.append(
            Round(
                number=index,
                ordered_at="",
                step="s",
                choose="random",
                question="?",
                classes=["a", "b"],
                annotators=3,
                form="csv",
                to="",
                tasks=tasks,
                kinds=["item"] * task_of,
                samples=[f"s{at}" for at in range(task_of)],
                known=[None] * task_of,
            )
        )
    one = Import(
        number=1,
        imported_at="",
        file="f",
        digest="d",
        form="csv",
        items=[f"t{task}" for task, _, _ in answers],
        annotators=[f"p{who}" for _, who, _ in answers],
        labels=[label for _, _, label in answers],
        seconds=[None] * len(answers),
        places=[str(at) for at in range(len(answers))],
    )
    return Ledger(Path("none"), tuple(made), (one,))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 7), st.integers(0, 2), st.sampled_from(["a", "b", "c", ""])),
        max_size=30,
    )
)
def test_every_row_is_an_answer_or_told_or_known(answers: list[tuple[int, int, str]]) -> None:
    # Two rounds of three tasks, of the same three samples; two tasks that are none.
    found = standing_of(made_up(2, answers, 3))
    changed = sum(row.why.startswith(standing.CHANGED) for row in found.told)
    before = sum(row.why == standing.BEFORE for row in found.told)
    assert before == len(found.again)
    none = len(found.told) - changed - before
    known = sum(found.repeated.values())
    assert len(answers) == len(found.answers) + len(found.again) + changed + none + known
    words = [(one.of.sample, one.annotator) for one in found.answers if one.counts]
    assert len(words) == len({*words})


def test_ten_times_as_many_answers_take_ten_times_as_long() -> None:
    def make(num: int) -> object:
        answers = [(at // 5, at % 5 + at % 7, "ab"[at % 3 // 2]) for at in range(num)]
        ledger = made_up(1, answers, num // 5 + 1)
        return lambda: judge(ledger, standing_of(ledger).answers, Acceptance())

    assert_linear(make, 500, 4000)  # type: ignore[arg-type]
