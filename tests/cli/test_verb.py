"""What surrounds every verb: a stop is one stop, and a later one ends the process."""

from __future__ import annotations

import os
import signal
import time

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
