"""Data sets on disk: Parquet shards, a ledger entry a shard, a manifest written last.

files.py     atomic writes, digests, locks, and the errors of a full or read-only disk
shard.py     write one shard: kept, dropped and quarantined rows, then its ledger entry
dataset.py   read a finished data set: batches, tables, torch and tf.data views
"""

from tilth.store.dataset import Dataset

__all__ = ["Dataset"]
