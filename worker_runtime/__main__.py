"""`python -m worker_runtime`."""

from worker_runtime.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
