"""A whole report with planted numbers: made up, to look at and to test the page with."""

from __future__ import annotations

import base64
import math
import random
import zlib
from typing import Any

from tilth.query.report import Report
from tilth.records import read_as


def png(width: int = 16, height: int = 16, seed: int = 0) -> str:
    """A small grey PNG as a data URI."""
    generator = random.Random(seed)
    rows = b"".join(b"\0" + generator.randbytes(width) for _ in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    data += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(data).decode()


def _step(
    name: str, kind: str, num_in: int, rules: dict[str, int], quarantined: int = 0, **more: Any
) -> dict[str, Any]:
    dropped = sum(rules.values())
    kept = num_in - dropped - quarantined
    return {
        "name": name,
        "stage": name.split(".")[0],
        "op": name.split(".")[-1],
        "kind": kind,
        "identity": f"{zlib.crc32(name.encode()):08x}{zlib.crc32(name[::-1].encode()):08x}",
        "cached": False,
        "seconds": 0.4 + num_in / 400,
        "in": num_in,
        "kept": kept,
        "dropped": dropped,
        "quarantined": quarantined,
        "by_rule": [{"rule": rule, "count": count} for rule, count in rules.items()],
        "sources": {},
        "examples": [],
        "errors": [],
        "figures": {},
        "warnings": [],
        **more,
    }


def _examples(
    rule: str, values: list[str], text: str, of: str | None = None
) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{zlib.crc32((rule + value).encode()):08x}",
            "uri": f"http://python-docs.localhost/stdlib/planted.{position}.html",
            "rule": rule,
            "value": value,
            "of": of,
            "text": text,
        }
        for position, value in enumerate(values)
    ]


def _steps() -> list[dict[str, Any]]:
    prose = (
        "Help on module planted:\n\nNAME\n    planted - this text was made up for the tests\n\n"
        "DESCRIPTION\n    It stands in for a page that a rule dropped, and is long enough to wrap "
        "where the page is narrow, so that a reader can judge how an excerpt looks.\n"
    )
    labels = {
        "labelling functions": [
            {"name": name, "coverage": coverage, "overlap": 0.2, "conflicts": conflicts}
            for name, coverage, conflicts in (
                ("has_signature", 0.412, 0.034),
                ("mostly_prose", 0.338, 0.081),
                ("indented_code", 0.127, 0.066),
            )
        ],
        "labels": {"reference": 1488, "prose": 702, "code": 214, "none": 195},
    }  # fmt: skip
    agreement = {
        "annotators": {
            "simulated": True,
            "krippendorff_alpha": {"value": 0.713, "low": 0.688, "high": 0.739},
            "planted_error_rate": 0.12,
            "votes": 3,
        },
        "words a document": {
            "edges": [0, 50, 100, 200, 400, 800, 1600, 3200],
            "counts": [12, 88, 402, 911, 760, 341, 85],
        },
    }
    return [
        _step("collect.stdlib", "source", 2034, {}, 3, sources={"stdlib": 2031}, seconds=9.3,
              license={"PSF-2.0": 2031},
              errors=[{"uri": f"http://python-docs.localhost/stdlib/broken{i}.html",
                       "error": "UnicodeDecodeError: byte 0xff at 1203"} for i in range(3)],
              figures={"http status": {"200": 2031, "404": 1},
                       "robots.txt: pages not asked for": 24}),
        _step("collect.packages", "source", 1188, {}, 0, sources={"packages": 1188}, seconds=0.8),
        _step("clean.extract", "map", 3219, {"empty after extraction": 41}, 1,
              errors=[{"uri": "packages.jsonl:204", "error": "ValueError: not a document"}]),
        _step("clean.rules", "map", 3177, {"word_count >= 50": 312, "mean_word_length <= 10": 44,
              "symbol_to_word_ratio <= 0.1": 19, "duplicate_line_share <= 0.3": 7},
              sources={"stdlib": 1930, "packages": 865},
              examples=_examples("word_count >= 50", ["12", "31", "49"], prose)
              + _examples("mean_word_length <= 10", ["14.2", "11.7"], "0x7f3a9c 0x7f3a9d " * 20)),
        _step("deduplicate.exact", "shuffle", 2795, {"exact copy": 61},
              examples=_examples("exact copy", ["1"], prose, of="9c1f0b7a22de41c8")),
        _step("deduplicate.minhash", "shuffle", 2734, {"near copy": 128}, cached=True,
              examples=_examples("near copy", ["0.91", "0.83"], prose, of="9c1f0b7a22de41c8"),
              warnings=["7 clusters have more than 10 members: look at them"]),
        _step("deduplicate.decontaminate", "shuffle", 2606, {"13-gram of the test set": 7}),
        _step("label.vote", "map", 2599, {}, figures=labels),
        _step("label.agreement", "map", 2599, {}, figures=agreement),
        _step("mix.weights", "map", 2599, {},
              figures={"vendi_score": 41.8, "entropy of sources (bits)": 0.93,
                       "weights": {"stdlib": 0.7, "packages": 0.3}}),
        _stage("pretrain", "fit", 61.0),
        _stage("transfer", "grid", 48.2),
        _stage("value", "grid", 71.4),
    ]  # fmt: skip


def _stage(name: str, kind: str, seconds: float) -> dict[str, Any]:
    plain = _step(name, kind, 0, {}, seconds=seconds)
    return plain | dict.fromkeys(("in", "kept", "dropped", "quarantined"))


def _transfer() -> dict[str, Any]:
    generator = random.Random(1)
    sizes = [10, 20, 40, 80, 160, 320]
    # end, height, steepness of error = end + height * size ** -steepness
    curves = {
        "scratch": (2.2, 6.0, 0.45),
        "probe": (2.9, 1.9, 0.5),
        "fine-tune": (2.15, 2.9, 0.45),
    }

    def error(method: str, size: int) -> float:
        end, height, steepness = curves[method]
        return end + height * math.exp(-steepness * math.log(size))

    points, summary = [], []
    for method in curves:
        for size in sizes:
            values = [error(method, size) + generator.gauss(0, 0.06) for _ in range(8)]
            mean, half = sum(values) / 8, 0.05
            points += [
                {"method": method, "size": size, "seed": seed, "value": value}
                for seed, value in enumerate(values)
            ]
            summary.append(
                {"method": method, "size": size, "mean": mean, "low": mean - half,
                 "high": mean + half, "n": 8}
            )  # fmt: skip
    effects = [
        {"method": "fine-tune", "size": size, "mean": gain, "low": gain - 0.06,
         "high": gain + 0.06, "p": 0.0078, "verdict": "helps", "wins": 8, "n": 8}
        for size in sizes
        for gain in [error("scratch", size) - error("fine-tune", size)]
    ]  # fmt: skip
    text = "worth 4.6x [4.1, 5.2] the data"
    return {
        "metric": "bits_per_byte", "unit": "bits/byte", "lower_is_better": True,
        "sizes": sizes, "methods": list(curves), "points": points, "summary": summary,
        "seeds": list(range(8)), "cost_s": 48.2,
        "effects": effects,
        "multiplier": {"size": 40, "value": 4.6, "low": 4.1, "high": 5.2, "state": "read",
                       "text": text},
        "headline": "Pretraining was worth 4.6x [4.1, 5.2] the target's documents "
                    "(planted number, 8 paired seeds)",
    }  # fmt: skip


def _value() -> dict[str, Any]:
    generator = random.Random(2)
    control = [2.412 + generator.gauss(0, 0.03) for _ in range(8)]
    arms = []
    for name, decision, without, true, spread, verdict in (
        ("scratch", "pretrain", True, 0.21, 0.03, "helps"),
        ("no-copies-removed", "deduplicate", True, -0.004, 0.006, "no material effect"),
        ("loose-rules", "clean.rules with min_words=5", False, -0.05, 0.01, "hurts"),
        ("more-prose", "mix.weights with prose=2", False, 0.02, 0.05, "undecided"),
        ("same", "nothing (A/A)", False, 0.0, 0.0, "no material effect"),
    ):
        differences = [true + (generator.gauss(0, spread) if spread else 0) for _ in range(8)]
        mean = sum(differences) / 8
        sd = math.sqrt(sum((d - mean) ** 2 for d in differences) / 7)
        half, sign = 2.365 * sd / math.sqrt(8), -1 if without else 1
        undecided = verdict == "undecided"
        arms.append(
            {
                "name": name,
                "decision": decision,
                "what": f"the recipe {'without' if without else 'with'} it",
                "contrast": "control - arm" if without else "arm - control",
                "is_check": name == "same",
                "values": [c - sign * d for c, d in zip(control, differences, strict=True)],
                "differences": differences,
                "effect": mean,
                "mean": mean,
                "low": mean - half,
                "high": mean + half,
                "adjusted_low": mean - 1.4 * half,
                "adjusted_high": mean + 1.4 * half,
                "p": 0.21 if undecided else 0.0011,
                "adjusted_p": 0.42 if undecided else 0.0044,
                "wins": sum(d > 0 for d in differences),
                "n": 8,
                "test_set_interval": [mean - 0.02, mean + 0.02],
                "combined_interval": [mean - 0.02 - half, mean + 0.02 + half],
                "verdict": verdict,
                "more_seeds": 22 if undecided else None,
                "more_cost_s": 310.0 if undecided else None,
                "unique_examples": 1200,
                "epochs": 4.8 if name == "loose-rules" else 2.0,
            }
        )
    return {
        "metric": "bits_per_byte", "unit": "bits/byte", "lower_is_better": True,
        "smallest_effect": 0.015, "seeds": list(range(8)),
        "control": {"values": control, "mean": sum(control) / 8},
        "arms": arms,
        "warnings": ["arm `loose-rules` repeats its data 4.8 times, above 4"],
        "cost_s": 71.4,
    }  # fmt: skip


def written(text: str) -> dict[str, Any]:
    """A sample that was written from nothing."""
    return {"input": "", "image": None, "answer": text, "expected": None}


def report_of(planted: dict[str, Any]) -> Report:
    """The document of a report, as its page reads it."""
    return read_as(Report, planted, "planted")


def planted_report() -> dict[str, Any]:
    """The report of a run that never was, as JSON has it."""
    curve: list[dict[str, Any]] = []
    generator = random.Random(3)
    for step in range(0, 600, 2):
        loss = 1.6 + 4.2 * (1 + step / 12) ** -0.6 + generator.gauss(0, 0.04)
        point = {"step": step, "examples": step * 32, "loss": loss, "seconds": step / 10}
        if step % 60 == 0:
            point["validation_loss"] = loss + 0.08
        curve.append(point)
    return {
        "tilth": "0.1.0",
        "name": "quickstart",
        "about": "From crawled pages to a measured gain. Every number on this page is planted.",
        "seed": 0,
        "started": "2024-05-02T10:11:02+00:00",
        "finished": "2024-05-02T10:14:41+00:00",
        "seconds": 219.4,
        "status": "done",
        "limit": None,
        "error": None,
        "disk": {"bytes": 12_000_000, "steps": {"pretrain": 12_000_000}, "other": 0},
        "totals": {"in": 3222, "kept": 2599, "dropped": 619, "quarantined": 4},
        "arm_steps": [],
        "machine": {"cores": 2, "memory_gib": 23.5, "processor": "planted", "python": "3.11.7"},
        "versions": {"numpy": "1.26.4", "pyarrow": "17.0.0", "torch": "2.6.0"},
        "recipe_yaml": "tilth: 1\nname: quickstart\nseed: 0\nclean:\n  - extract\n"
        '  - rules: {where: ["word_count >= 50"]}\n',
        "steps": _steps(),
        "model": None,
        "pretrain": {
            "task": "text-generation",
            "metric": "bits_per_byte",
            "unit": "bits/byte",
            "lower_is_better": True,
            "curve": curve,
            "validation": {"bits_per_byte": 1.921, "loss": 1.71},
            "test": {"bits_per_byte": 1.934, "loss": 1.72},
            "model": {"kind": "gpt", "parameters": 1_214_976},
            "stopped": "validation loss has not fallen for 3 evaluations",
            "tokens_or_examples_seen": 2_457_600,
            "seconds": 61.0,
            "precision": "float32",
            "threads": 2,
        },
        "transfer": _transfer(),
        "value": _value(),
        "generated": {"samples": [written("def planted(self):\n    Return the planted of it.")]},
    }
