"""Speed of the deduplicate room's hot parts: prints one JSON line.

Documents are 1.5 kB of words drawn with Zipf's law, in Arrow batches of 1,000. Times are CPU
seconds of this process after a warm-up, the best of some rounds, because other processes on the
machine only ever add to them. `python benchmarks/bench_deduplicate.py [--documents N]`
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from tilth.deduplicate import decontaminate, exact, minhash
from tilth.kernels.minhash import band_hashes, shingle_hashes, signatures
from tilth.kernels.words import text_buffers

BATCH = 1_000
DOCUMENT_BYTES = 1_500


def documents(count: int) -> list[pa.RecordBatch]:
    """English-like documents of 1.5 kB, the same on every machine."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 10, 20_000)
    letters = rng.integers(ord("a"), ord("z") + 1, (20_000, 10)).astype(np.uint8)
    vocabulary = [row[:n].tobytes().decode() for row, n in zip(letters, lengths, strict=True)]
    batches = []
    for start in range(0, count, BATCH):
        texts = []
        for _ in range(min(BATCH, count - start)):
            words = [vocabulary[w % 20_000] for w in rng.zipf(1.2, 340)]
            for stop in range(11, len(words), 12):
                words[stop] += "."
            texts.append(" ".join(words)[:DOCUMENT_BYTES])
        ids = [f"{start + n:032x}" for n in range(len(texts))]
        splits = ["test" if n % 50 == 0 else "train" for n in range(len(texts))]
        batches.append(
            pa.RecordBatch.from_arrays(
                [pa.array(ids), pa.array(texts, pa.large_string()), pa.array(splits)],
                names=["id", "text", "split"],
            )
        )
    return batches


def cpu_rate(work: Callable[[pa.RecordBatch], object], batches: list[pa.RecordBatch]) -> int:
    """Documents per CPU-second: the best of three rounds after one for warm-up."""
    work(batches[0])
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        for batch in batches:
            work(batch)
        best = min(best, time.process_time() - start)
    return int(sum(batch.num_rows for batch in batches) / best)


def sign(batch: pa.RecordBatch) -> object:
    """Text to signature and bands, with the default settings."""
    num_bands, places = minhash.Settings().bands
    shingled = shingle_hashes(*text_buffers(batch["text"]), 5)
    return band_hashes(signatures(*shingled, num_bands * places), num_bands)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=20_000)
    batches = documents(parser.parse_args().documents)
    size = sum(text_buffers(batch["text"])[1][-1] for batch in batches)
    rows = sum(batch.num_rows for batch in batches)
    print(
        json.dumps(
            {
                "benchmark": "deduplicate",
                "unit": "documents per CPU-second",
                "documents": rows,
                "bytes_per_document": round(int(size) / rows),
                "minhash_signatures": cpu_rate(sign, batches),
                "minhash_keys": cpu_rate(lambda b: minhash.keys(b, minhash.Settings()), batches),
                "exact_keys": cpu_rate(lambda b: exact.keys(b, exact.Settings()), batches),
                "decontaminate_keys": cpu_rate(
                    lambda b: decontaminate.keys(b, decontaminate.Settings()), batches
                ),
                "goal_minhash_signatures": 50_000,
            }
        )
    )


if __name__ == "__main__":
    main()
