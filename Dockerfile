FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY broker broker
COPY client client
COPY worker_runtime worker_runtime
COPY workers workers
RUN pip install '.[assets,fast,http]'

COPY examples examples

RUN useradd --create-home --uid 10001 worker
USER worker

# In exec form: the worker is process 1 and hears the SIGTERM that asks it to drain.
CMD ["python", "-m", "worker_runtime"]
