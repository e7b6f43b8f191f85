"""Faults, tried by the thousand: a run that is stopped or met by one goes on to the same bytes.

`stops` ends runs by signals, at moments spread over all steps; `failing` lets the N-th open, write,
fsync, rename, unlink or truncate fail; `surroundings` has disks, clocks, sources and other runs do
what they do at the worst moment. `trial` makes each run in a process of its own, forked from one
that has loaded all of it, and holds what comes out to an undisturbed run.
"""
