"""The results of `bench_train` as Markdown, every figure as it was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

ARMS: Mapping[str, str] = {
    "bare": "bare step, Tilth's network",
    "tilth": "`tilth.training.loop.train`, the same",
    "bare-gpt2": "bare step, GPT2LMHeadModel",
    "trainer": "`Trainer`, the same",
    "trainer-sdpa": "`Trainer`, the same, fused attention",
}
MATMUL: Mapping[str, str] = {
    "fp32": "torch's default",
    "fp32-fast": "fp32 by the faster library, Tilth's default",
    "bf16": "autocast",
}


def table(results: Mapping[str, Any]) -> str:
    """The results as Markdown."""
    machine, versions = results["machine"], results["versions"]
    lines = [
        "# Training speed",
        "",
        f"`make bench-train` on {results['date']}: {machine['cores']} cores "
        f"({machine['processor']}), {machine['memory_gib']} GiB, Python {machine['python']}, "
        f"torch {versions['torch']}, numpy {versions['numpy']}. Load average before it began: "
        f"{results['load']}; what the machine does beside this slows all arms of a round, so the "
        "ratios say more than the tokens a second.",
    ]
    if results["quick"]:
        lines += ["", "**A trial of a few steps: no figure here means anything.**"]
    lines += _steps(results)
    lines += _loaders(results["loaders"])
    lines += _mnist(results)
    return "\n".join(lines) + "\n"


def _steps(results: Mapping[str, Any]) -> Iterator[str]:
    network, rounds = results["network"], results["rounds"]
    total = rounds["rounds"] * rounds["steps_a_turn"]
    yield from (
        "",
        "## A step of a small GPT",
        "",
        f"nanoGPT's CPU configuration on tiny Shakespeare: {network['layers']} layers, "
        f"{network['width']} wide, {network['heads']} heads, context {network['context']}, batch "
        f"{network['batch']}; GPT-2's learned positions and biases, no dropout; fused AdamW, "
        "gradient clipped to norm 1. All on one thread, from one memory-mapped array. "
        f"{rounds['warmup']} steps are not counted; then the arms take turns of "
        f"{rounds['steps_a_turn']} steps, {total} in all. A step is "
        f"{network['batch'] * network['context']} tokens. Ratios are taken within a round; "
        "given are the median and, in brackets, the least and the most.",
        "",
    )
    theirs = results["trainer"]
    yield (
        f"Trainer: {theirs}."
        if isinstance(theirs, str)
        else "Trainer: "
        + ", ".join(f"{name} {number}" for name, number in theirs.items())
        + ". `bare-gpt2` and `trainer` are with plain attention, `trainer-sdpa` with the fused "
        "kernel, which transformers takes by itself."
    )
    for part in results["steps"]:
        precision = part["precision"]
        yield from (
            "",
            f"### {precision}: {MATMUL[precision]} "
            f'(`set_float32_matmul_precision("{part["matmul"]}")`)',
            "",
            "| arm | parameters | tokens/s | least to most | tokens/CPU-s |",
            "| --- | ---: | ---: | ---: | ---: |",
        )
        for name, arm in part["arms"].items():
            least, most = arm["tokens_per_s_range"]
            yield (
                f"| {ARMS[name]} | {arm['parameters']:,} | {arm['tokens_per_s']:,} | "
                f"{least:,} to {most:,} | {arm['tokens_per_cpu_s']:,} |"
            )
        yield from (
            "",
            "| ratio | of tokens/s | of tokens/CPU-s | goal |",
            "| --- | --- | --- | --- |",
        )
        for ratio in part["ratios"]:
            yield (
                f"| {ratio['arm']} / {ratio['over']} | {_spread(ratio['tokens_per_s'])} | "
                f"{_spread(ratio['tokens_per_cpu_s'])} | {_goal(ratio)} |"
            )


def _loaders(loaders: list[Mapping[str, Any]]) -> Iterator[str]:
    yield from (
        "",
        "## The loader's share of a step",
        "",
        "CPU time spent in reading, batching and augmenting, over that of the whole step. Settings "
        "are those of the starters; the rows are made up, of the starters' shapes.",
        "",
        "| starter | augment | batch | precision | steps | step, CPU-ms | batch, CPU-ms | share | "
        "goal |",
        "| --- | --- | ---: | --- | ---: | ---: | ---: | ---: | --- |",
    )
    for row in loaders:
        met = "reached" if row["percent"] <= row["goal"] else "MISSED"
        yield (
            f"| {row['starter']} | {', '.join(row['augment']) or 'none'} | {row['batch']} | "
            f"{row['precision']} | {row['steps']} | {row['step_cpu_ms']} | {row['batch_cpu_ms']} | "
            f"{row['percent']} % | <= {row['goal']:g} %: {met} |"
        )


def _mnist(results: Mapping[str, Any]) -> Iterator[str]:
    mnist = results["mnist"]
    yield from ("", "## MNIST beside Keras", "")
    if isinstance(mnist, str):
        yield mnist
        return
    keras = ", ".join(f"{name} {number}" for name, number in results["keras"].items())
    yield from (
        f"{mnist['name']}, batch 32: seconds of the fit, median of {mnist['rounds']} rounds "
        "(`bench_mnist.py`; fp32 for all)" + (f"; {keras}." if keras else "."),
        "",
        "| | seconds | CPU-seconds | accuracy, mean |",
        "| --- | ---: | ---: | ---: |",
    )
    for name in ("tilth", "bare_torch", "keras"):
        arm = mnist.get(name)
        if isinstance(arm, str):
            yield f"| {name} | {arm} | | |"
        elif arm:
            yield (
                f"| {name} | {arm['fit_seconds']} | {arm['fit_cpu_seconds']} | "
                f"{arm['accuracy_mean']} % |"
            )
    if mnist["goal"]:
        met = "reached" if mnist["value"] <= mnist["goal"] else "MISSED"
        yield from (
            "",
            f"{mnist['times_as_fast_as_keras']} times as fast as Keras; goal: at most "
            f"{mnist['goal']} s, a third of Keras' seconds: {met}.",
        )


def _spread(ratio: Mapping[str, float]) -> str:
    return f"{ratio['median']:.3f} [{ratio['least']:.3f}, {ratio['most']:.3f}]"


def _goal(ratio: Mapping[str, Any]) -> str:
    if ratio["goal"] is None:
        return ""
    return f">= {ratio['goal']:g}: {'reached' if ratio['reached'] else 'MISSED'}"
