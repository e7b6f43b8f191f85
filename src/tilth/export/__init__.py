"""The formats that data leaves in: a file each, written in shards, gone on from after a kill."""
