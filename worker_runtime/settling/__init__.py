"""Settling: how a delivery leaves this process, in one fenced step each: reply, dead letter, given back, passed on.

Nothing here runs a method or decides an outcome; it is told.
"""
