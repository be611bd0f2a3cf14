"""The link to Redis: one pipelined connection each, repaired behind the back of those who use it.

The only package that knows Redis's library.
"""

from broker.link.address import Address
from broker.link.link import Link
from broker.link.replies import ReplyError, unheard
from broker.link.script import Script

__all__ = ["Address", "Link", "ReplyError", "Script", "unheard"]
