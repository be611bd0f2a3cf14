"""The benchmark: Callyard against a hand-written floor and against its peers, in one run on one machine.

`make bench-setup` makes an environment for each system, `make bench` measures, `make bench-report`
writes `docs/benchmarks.md`. `python -m bench.profile` shows where the time of a call goes.
"""
