"""Consumer groups as one worker takes part in them: reading what is new, and taking over what lost workers left.

Calls and messages of queues are read and swept alike; what becomes of an entry is not known here.
"""
