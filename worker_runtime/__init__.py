"""Running services: configuration, entrypoints, the invocation of methods, and the pool that does it.

Importing this package costs almost nothing and never imports Redis: services import it too.
"""

# Before anything else can import the module of the same name, which would otherwise hide the decorator.
from broker.methods.policy import policy

__all__ = ["policy"]
