"""Invoking: one call from its admission to its outcome, and what observers are told of it.

`execution` takes it through: an `invocation` for each run, a step for each part of its program, in a session where
references travel. Where calls come from and how an outcome gets into Redis is not known here.
"""
