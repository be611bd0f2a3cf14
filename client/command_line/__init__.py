"""The parts of `python -m client`: reading what was typed, the commands, and showing what came of them."""
