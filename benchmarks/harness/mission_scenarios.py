"""The scenarios of the mission but for the soak: each gives rows of a table."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import inf

import httpx

from benchmarks.harness import cluster, mission_database
from benchmarks.harness.contestants import BY_NAME, Server, running
from benchmarks.harness.dataset import schema_template
from benchmarks.harness.mission_load import Figures, Paced, paced
from benchmarks.harness.mission_wrk import MIX, WRITES, closed_loop, noise

SERVER_PORT = 18_300
DATABASE_PORT = 18_390

USERS = range(1_000)
PACED_LIMITS = (25, inf)
CLOSED_LIMITS = (500, 700)
"""Milliseconds below which p95 and p99 must be."""

PEOPLE = 200
STORM_USERS = range(400)
"""Beside whom a storm is judged: a thousand leave a machine of two cores no processor for it."""
STORM_LIMIT = 3
"""Times the p95 of reads when it is quiet."""
HASHING = """
import os
from argon2 import PasswordHasher
os.nice(10)
while True:
    PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1).hash("as dear as ours")
"""
PASSWORD = "correct horse battery"
NOISY, QUIET = USERS[0], USERS[1:]
NOISY_CONNECTIONS = 200


@dataclass(frozen=True, slots=True)
class Lengths:
    """Seconds that each measurement lasts, and with how many numbers of workers storm and noise are measured."""

    warm_up: int = 5
    """In which connections are made and statements prepared. It is shown once, and part of no verdict."""
    paced: int = 30
    closed: int = 20
    storm: int = 20
    noisy: int = 20
    soak: int = 300
    window: int = 10
    places: int = 2


QUICK = Lengths(warm_up=2, paced=4, closed=3, storm=3, noisy=4, soak=24, window=2, places=1)


@dataclass(frozen=True, slots=True)
class Row:
    """What one server did under one load."""

    server: str
    load: str
    figures: Figures
    met: bool | None = None
    """Whether this is what the mission asks for; None where it asks for nothing."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a contestant runs: on which database, with how many workers."""

    title: str
    contestant: str = "donewell"
    database: str = "embedded"
    workers: int = 1


EMBEDDED = (Place("embedded, 1 worker"), Place("embedded, 2 workers", workers=2))
DIRECT = (
    Place("direct, 1 worker", database="direct"),
    Place("direct, 2 workers", database="direct", workers=2),
)
REFERENCE = (Place("idiomatic, 1 worker", "idiomatic", "socket"),)


@contextmanager
def serving(place: Place) -> Iterator[Server]:
    """The contestant at work, on a fresh copy of the data."""
    contestant = BY_NAME[place.contestant]
    with ExitStack() as stack:
        on: cluster.Cluster | None = None
        if place.database == "direct":
            on = stack.enter_context(mission_database.direct(schema_template("donewell"), DATABASE_PORT))
        embedded = place.database == "embedded"
        yield stack.enter_context(
            running(contestant, port=SERVER_PORT, workers=place.workers, on=on, embedded=embedded)
        )


def thousand_users(lengths: Lengths) -> Iterator[Row]:
    """A request a second each, and then as fast as they can, on every kind of database and on the reference."""
    for place in (*EMBEDDED, *DIRECT, *REFERENCE):
        with serving(place) as server:
            phases = [("warm", lengths.warm_up), ("steady", lengths.paced)]
            seen = paced(server, phases, USERS).phases
            yield Row(place.title, "paced, first seconds", seen["warm"])
            yield Row(place.title, "paced", seen["steady"], _met(seen["steady"], *PACED_LIMITS))
            loop = closed_loop(server, USERS, len(USERS), lengths.warm_up, lengths.closed)
            yield Row(place.title, "closed loop", loop, _met(loop, *CLOSED_LIMITS))


def sign_in_storm(lengths: Lengths) -> Iterator[Row]:
    """People who all sign in at the same moment, beside paced users; and what another program does to those."""
    for place in EMBEDDED[: lengths.places]:
        for users in (STORM_USERS, USERS):
            yield from _storm(place, users, lengths)


def _storm(place: Place, users: range, lengths: Lengths) -> Iterator[Row]:
    title = f"{place.title}, {len(users)} users"
    with serving(place) as server:
        people = _registered(server)
        rest = max(2, lengths.storm // 4)
        phases = [("warm", lengths.warm_up), ("quiet", lengths.storm), ("storm", 5), ("after", rest)]
        run = paced(server, phases, users, script="storm", people=people)
        quiet, storm = run.phases["quiet"], run.phases["storm"]
        met = (storm.reads_p95 or 0) <= STORM_LIMIT * (quiet.reads_p95 or 0) and not storm.errors
        yield Row(title, "quiet", quiet)
        yield Row(title, "storm", storm, met if users == STORM_USERS else None, _storm_note(run))
        yield Row(title, "after", run.phases["after"])
        with hashing() as other:
            beside = paced(server, [("warm", 1), ("beside", lengths.storm)], users, beside=[other.pid])
        yield Row(title, "no storm; another program hashes", beside.phases["beside"])


@contextmanager
def hashing() -> Iterator[subprocess.Popen[bytes]]:
    """Another program that hashes passwords without end, as nice as our thread."""
    with subprocess.Popen([sys.executable, "-c", HASHING]) as process:
        try:
            yield process
        finally:
            process.kill()


def noisy_user(lengths: Lengths) -> Iterator[Row]:
    """One user with many connections, never waiting, among users who send a request a second."""
    phases = [("warm", lengths.warm_up), ("steady", lengths.noisy)]
    for place in EMBEDDED[: lengths.places]:
        with serving(place) as server:
            yield Row(place.title, f"{len(QUIET)} quiet users", paced(server, phases, QUIET).phases["steady"])
            for name, operations in (("mix", MIX), ("writes", WRITES)):
                with noise(server, NOISY, NOISY_CONNECTIONS, operations) as noisy:
                    figures = paced(server, phases, QUIET, beside=[noisy.pid]).phases["steady"]
                note = f"the noisy one: {noisy.rate:.0f}/s, p95 {noisy.p95:.0f} ms, {noisy.errors} errors"
                yield Row(
                    place.title, f"the same beside {NOISY_CONNECTIONS} connections of one, {name}", figures, note=note
                )


def _met(figures: Figures, p95: float, p99: float) -> bool:
    return figures.p95 < p95 and figures.p99 < p99 and not figures.errors


def _registered(server: Server) -> list[dict[str, str]]:
    """People with a password, as many as sign in at once."""
    people = [{"email": f"person{number}@example.com", "password": PASSWORD} for number in range(PEOPLE)]
    with httpx.Client(base_url=server.url, timeout=30) as client:
        for number, person in enumerate(people):
            client.post("/api/v1/auth/register", json={"name": f"Person {number}", **person}).raise_for_status()
    return people


def _storm_note(run: Paced) -> str:
    answers = {
        name.rpartition("status:")[2].rstrip("}"): int(values["count"])
        for name, values in run.metrics.items()
        if name.startswith("http_req_duration{kind:sign_in,status:") and values["count"]
    }
    entered = run.metrics["signed_in"]
    return (
        f"{entered['count']:.0f} of {PEOPLE} signed in, half within {entered['med'] / 1e3:.1f} s and the last after"
        f" {entered['max'] / 1e3:.1f} s; answers by status: {answers}"
    )
