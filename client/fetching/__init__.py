"""`fetch` of other sites: requests that leave over HTTP, not through Redis, and the rules that both ways share.

The extra `callyard[http]` is loaded with the first request. What serves HTTP is in `gateway`.
"""
