"""Run a plan: tasks over shards, in worker processes, with books that balance.

events.py   the one typed stream of what happens
tasks.py    what a worker does: read a source, map a shard, shuffle, fit, run a cell
books.py    totals of a step, checked
causes.py   why records failed, and of which source nothing is left
worker.py   a worker process: JSON tasks in, JSON messages out
local.py    the default engine: worker processes on this machine
ray.py      the same tasks on a Ray cluster
run.py      steps in order, resume, error budget, the run's record
"""
