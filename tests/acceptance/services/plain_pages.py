"""A service that has assets and a plain `def fetch`."""

import threading

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    def fetch(self):
        return Response("a thread" if threading.current_thread() is not threading.main_thread() else "the event loop")
