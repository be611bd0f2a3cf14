"""The way in for HTTP: an ASGI application that answers requests with the `fetch` of services.

`Gateway` needs no other library and runs under any ASGI server, alone or mounted in another application.
`python -m client gateway` runs it under uvicorn.
"""

from client.gateway.application import Gateway
from client.gateway.limits import Limits
from client.gateway.routes import Route, read_route

__all__ = ["Gateway", "Limits", "Route", "read_route"]
