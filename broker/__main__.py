"""`python -m broker`: what operators do with dead letters, and what is wrong with a Redis."""

from broker.operator.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
