"""Calls from here to Redis and back: made, queued, sent in batches, each ended by its reply or its deadline.

`caller` holds the calls of one process together, `producer` sends them, `replies` reads what comes back.
Of references it knows that sessions exist and asks for them by need; neither stubs nor HTTP have a place here.
"""
