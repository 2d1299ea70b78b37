#!/bin/sh
# One worker unless WEB_CONCURRENCY says more, which uvicorn reads itself; the application writes the access log.
cd "$(dirname "$0")" && exec python -m uvicorn app:app --host "$HOST" --port "$PORT" --loop uvloop --http httptools --no-access-log
