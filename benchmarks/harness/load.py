"""The load: wrk with 32 connections, each request for a user picked at random among a thousand."""

import asyncio
import json
import random
import resource
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg

from benchmarks.harness.api import WRITES
from benchmarks.harness.contestants import Server
from benchmarks.harness.tools import wrk

CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run: microseconds of CPU per request, requests per second, milliseconds of latency, what went wrong."""

    contestant: str
    operation: str
    round: int
    requests: int
    seconds: float
    server_us: float
    database_us: float
    rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    refused: int
    broken: int
    unwritten: int
    """Answers to writes for which the database has counted no transaction that writes."""
    generator_cores: float
    """How much of a core the load generator took: near 1, it is what was measured."""

    @property
    def total_us(self) -> float:
        return self.server_us + self.database_us

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "total_us": self.total_us}


def measure(server: Server, operation: str, turn: int, seconds: int, directory: Path) -> Measurement:
    """Load `server` with an operation, and count what its processes and its database's spend on it."""
    file = directory / "requests"
    asked = server.contestant.requests(operation, turn)
    file.write_bytes(b"".join(request.encode() + b"\0" for request in asked))
    # In turn, where a request must find what the one before has left: each task then rests for a thousand requests.
    command = wrk_command(server.url, file, CONNECTIONS, seconds, patience=10, in_turn=operation == "complete")
    url = server.database.url
    generator, transactions = children_seconds(), writes(url) if url else 0
    server_before, database_before = server.tree.snapshot(), server.database.tree.snapshot()
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    server_ns, database_ns = server.tree.spent(server_before), server.database.tree.spent(database_before)
    result = wrk_result(output)
    answered = max(1, result["requests"])
    return Measurement(
        contestant=server.contestant.name,
        operation=operation,
        round=turn,
        requests=int(result["requests"]),
        seconds=result["seconds"],
        server_us=server_ns / 1e3 / answered,
        database_us=database_ns / 1e3 / answered,
        rate=result["requests"] / result["seconds"],
        p50_ms=result["p50"] / 1e3,
        p95_ms=result["p95"] / 1e3,
        p99_ms=result["p99"] / 1e3,
        refused=int(result["refused"]),
        broken=int(result["broken"]),
        unwritten=unwritten(url, operation, int(result["requests"]), transactions),
        generator_cores=(children_seconds() - generator) / result["seconds"],
    )


def wrk_command(
    url: str, file: Path, connections: int, seconds: int, *, patience: int, in_turn: bool = False
) -> list[str]:
    """wrk with a file of requests, picked at random or sent in turn; an answer after `patience` seconds is none."""
    script = str(Path(__file__).with_name("load.lua"))
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", f"{patience}s", "-s", script, url]
    order = "turn" if in_turn else "random"
    return [*wrk(), *options, "--", str(file), order, str(random.randrange(10**9) * 100)]


def wrk_result(output: str) -> dict[str, float]:
    """What load.lua says at the end: counts, seconds, and microseconds of latency."""
    result: dict[str, float] = json.loads(output.rpartition("JSON ")[2])
    return result


def writes(url: str) -> int:
    """How many transactions have written: one that only reads, or changes nothing, gets no number."""
    return asyncio.run(_next_transaction(url))


def unwritten(url: str, operation: str, requests: int, before: int) -> int:
    """How many of the requests should have led to a transaction that writes, and have not, as far as can be seen."""
    return max(0, requests - (writes(url) - before)) if url and operation in WRITES else 0


async def _next_transaction(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text"))
    finally:
        await connection.close()


def children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
