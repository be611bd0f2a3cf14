"""Queues: messages in streams of their own, delivered in batches to the handler `queue` of a service."""

from worker_runtime.queues.batch import Message, MessageBatch
from worker_runtime.queues.queue import Queue

__all__ = ["Message", "MessageBatch", "Queue"]
