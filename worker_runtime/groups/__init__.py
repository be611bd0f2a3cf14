"""Consumer groups as one worker takes part in them: reading what is new, keeping it, taking over what others left.

Calls and messages of queues are read, leased and swept alike; what becomes of an entry is not known here.
"""
