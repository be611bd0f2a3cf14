"""The process: a worker put together, its start and end, its parent, and what it says of itself.

Everything that is made once for a process, not for a call: links, bindings, signals, probes, the watchdog. No rule of
delivery and no decision about a call belongs here.
"""
