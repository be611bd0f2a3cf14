"""Consuming: what becomes of the calls that a consumer group hands to this worker, new ones and those left by others.

`consumer` and `sweeper` take them in, `dispatcher` and `admission` decide which of them run here, and when. Messages of
queues take another way: see `queues`.
"""
