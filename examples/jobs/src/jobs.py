"""Mails that are sent later, and counted: a queue and a KV namespace."""

from typing import Any

from worker_runtime.queues import MessageBatch
from workers import Request, Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    """Takes an order for a mail at each request, and sends the mails in batches."""

    async def fetch(self, request: Request) -> Response:
        """Order a mail, and say how many were sent so far."""
        await self.env.MAILS.send({"to": "ada@example.org", "for": request.url}, delaySeconds=1)
        return Response(f"{await self.env.SENT.get('count') or 0} mails were sent")

    async def queue(self, batch: MessageBatch, env: Any) -> None:
        """Send a batch of mails; what fails is tried again."""
        for message in batch.messages:
            print("mail to", message.body["to"])
        count = int(await env.SENT.get("count") or 0)
        await env.SENT.put("count", str(count + len(batch.messages)))
