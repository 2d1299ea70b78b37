"""The floor: pgbench runs the statements that Donewell runs, prepared, with as many clients; no server in between."""

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

from backend.database.fast_lane import Statement
from backend.services.task_table import TASKS
from benchmarks.harness import cluster
from benchmarks.harness.cluster import Cluster
from benchmarks.harness.dataset import IN_GOOD_ORDER, TASKS_EACH, execute, schema_template
from benchmarks.harness.load import CONNECTIONS, Measurement, children_seconds, unwritten, writes
from benchmarks.harness.tools import pgbench

NAME = "pgbench"
TITLE = "pgbench (no server)"

# Its variables are numbers, so it has a thousand users of its own whose ids it can make of numbers.
ID = "lpad(to_hex({}), 32, '0')::uuid"
OWNER = ID.format(":user::bigint + 1")
TASK = ID.format("(:user::bigint + 1) * 100 + :task::bigint")
NEW_ID = ID.format(":number::bigint")
USERS = f"""
    CREATE TEMPORARY TABLE numbered AS
    SELECT number::bigint, id, {ID.format("number::bigint + 1")} AS new_id
    FROM generate_series(0, 999) AS number JOIN users ON email = 'user' || number || '@example.com';

    INSERT INTO users (id, email, name) SELECT new_id, 'pgbench' || number, 'pgbench' FROM numbered;
    INSERT INTO revisions (user_id, revision) SELECT new_id, {TASKS_EACH} FROM numbered;
    INSERT INTO tasks
        (user_id, id, revision, title, position, description, completed_at, priority, due_date, created_at, updated_at)
    SELECT new_id, {ID.format("(number + 1) * 100 + revision - 1")}, revision,
        title, position, description, completed_at, priority, due_date, created_at, updated_at
    FROM tasks JOIN numbered ON user_id = numbered.id
    ORDER BY created_at
"""

# Each client has users of its own, so that one does not undo what another has done.
PICK = f"""\\set user random(0, {1000 // CONNECTIONS - 1}) * {CONNECTIONS} + :client_id
\\set task random(0, {TASKS_EACH - 1})
\\set number random(100000000000, 999999999999)
"""
NEW = {
    "new_priority": "'high'",
    "new_due_date": "'2027-03-01'",
}
PICK_OPEN = PICK + "\\set task :task / 3 * 3 + 1\n"
"""A task that is open at first: the script completes it and opens it again, so that both are changes."""


def script(operation: str) -> tuple[str, int]:
    """What pgbench runs for an operation, and how many requests of an API that stands for."""
    key = {"owner": OWNER, "id": TASK, "expected": "NULL"}
    title = {"new_title": "'Water the plants ' || :number::bigint"}
    match operation:
        case "list":
            return PICK + _sql(TASKS.page(frozenset(), resumed=False), {"owner": OWNER, "rows": "21"}), 1
        case "read":
            return PICK + _sql(TASKS.get, key), 1
        case "create":
            fields = frozenset({"title", *(name.removeprefix("new_") for name in NEW)})
            return PICK + _sql(TASKS.insert(fields), {"owner": OWNER, "id": NEW_ID, **NEW, **title}), 1
        case "change":
            return PICK + _sql(TASKS.change(frozenset({"title"})), {**key, **title}), 1
        case _:
            completed = frozenset({"completed"})
            there, back = TASKS.complete(completed), TASKS.change(completed)
            there_and_back = [(there, "true"), (back, "false")]
            return PICK_OPEN + "".join(_sql(each, {**key, "new_completed": to}) for each, to in there_and_back), 2


@contextmanager
def database() -> Iterator[Cluster]:
    """Donewell's data, and the users that pgbench can name."""
    with cluster.copied(schema_template("donewell")) as copy, cluster.started(copy) as server:
        asyncio.run(execute(server.url, USERS, *IN_GOOD_ORDER))
        yield server


def measure(server: Cluster, operation: str, turn: int, seconds: int, directory: Path) -> Measurement:
    """Run an operation's statement, and count what pgbench and the database spend on it."""
    text, each = script(operation)
    file = directory / "script.sql"
    file.write_text(text)
    for old in directory.glob("pgbench_log.*"):
        old.unlink()
    options = ["-n", "-M", "prepared", f"-c{CONNECTIONS}", "-j1", f"-T{seconds}", "-l", "--sampling-rate=0.2"]
    transactions = writes(server.url)
    generator, before = children_seconds(), server.tree.snapshot()
    command = [str(pgbench()), *options, "-f", str(file), server.url]
    # As Donewell's own connections are.
    environment = {**os.environ, "PGOPTIONS": "-c plan_cache_mode=force_generic_plan"}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=True)
    database_ns, client_seconds = server.tree.spent(before), children_seconds() - generator
    requests = each * int(_found(r"actually processed: (\d+)", done.stdout))
    percentiles = quantiles((time / each for time in _latencies(directory)), n=100)
    rate = each * float(_found(r"tps = ([\d.]+)", done.stdout))
    return Measurement(
        contestant=NAME,
        operation=operation,
        round=turn,
        requests=requests,
        seconds=requests / rate,
        server_us=client_seconds * 1e6 / requests,
        database_us=database_ns / 1e3 / requests,
        rate=rate,
        p50_ms=percentiles[49],
        p95_ms=percentiles[94],
        p99_ms=percentiles[98],
        refused=int(_found(r"failed transactions: (\d+)", done.stdout)),
        broken=0,
        unwritten=unwritten(server.url, operation, requests, transactions),
        generator_cores=0.0,
    )


def _sql(statement: Statement, expressions: Mapping[str, str]) -> str:
    """The statement with expressions for its parameters, on one line as pgbench wants it."""
    arguments = statement.arguments(expressions)
    text = re.sub(r"\$(\d+)", lambda place: f"({arguments[int(place[1]) - 1]})", statement.sql)
    return " ".join(text.split()) + ";\n"


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"pgbench did not say {pattern}:\n{text}")
    return found[1]


def _latencies(directory: Path) -> Iterator[float]:
    """Milliseconds of each transaction in pgbench's log: client, number, microseconds, …"""
    for log in directory.glob("pgbench_log.*"):
        for line in log.read_text().splitlines():
            yield int(line.split()[2]) / 1e3
