"""Data sets on disk: Parquet shards, a ledger entry a shard, a manifest written last."""

from tilth.store.dataset import Dataset

__all__ = ["Dataset"]
