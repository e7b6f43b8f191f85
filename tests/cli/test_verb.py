"""What surrounds every verb: a stop is one stop, and a later one ends the process."""

from __future__ import annotations

import os
import signal
import sys
import time
import weakref
from collections.abc import Callable

import pytest

from tilth.cli import verb


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_stop_two_seconds_later_ends_it_at_once(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    ends: list[int] = []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(os, "_exit", ends.append)
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    # Where a shell started the tests in the background, Ctrl-C is ignored, and would stay so.
    signal.signal(number, signal.default_int_handler)
    try:
        with verb._stopping_once():
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
            now[0] += 1.9
            signal.raise_signal(number)
            assert not ends
            now[0] += 0.2
            signal.raise_signal(number)
            assert ends == [130]
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])


class _Thing:
    """What a weak reference can name."""


def _in_a_callback(number: signal.Signals) -> None:
    thing = _Thing()
    seen = weakref.ref(thing, lambda _: signal.raise_signal(number))
    del thing
    assert seen() is None


class _Ended:
    def __init__(self, number: signal.Signals) -> None:
        self._number = number

    def __del__(self) -> None:
        signal.raise_signal(self._number)


def _dropped_then_waits(where: Callable[[signal.Signals], object], number: signal.Signals) -> None:
    where(number)  # Python drops it there
    time.sleep(60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("where", [_in_a_callback, _Ended])
def test_a_stop_that_python_drops_comes_again(
    where: Callable[[signal.Signals], object],
    number: signal.Signals,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), sys.unraisablehook
    signal.signal(number, signal.default_int_handler)
    try:
        with verb._stopping_once(), pytest.raises(KeyboardInterrupt):
            _dropped_then_waits(where, number)
        assert sys.unraisablehook is before[2]
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
    assert not capsys.readouterr().err


def test_what_else_python_drops_is_told_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda dropped: told.append(dropped.exc_value))

    def fails(_: object) -> None:
        raise ValueError("of a callback")

    with verb._stopping_once():
        thing = _Thing()
        seen = weakref.ref(thing, fails)
        del thing
    assert seen() is None
    assert [str(error) for error in told] == ["of a callback"]
