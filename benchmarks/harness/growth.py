"""What requests cost as data grows: rows of a user, rows in all, depth of the page; and what a task takes on disk."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.harness import machine, report
from benchmarks.harness.contestants import BY_NAME, running
from benchmarks.harness.growth_data import Group, populated, sizes
from benchmarks.harness.growth_load import OPERATIONS, QUICK, Lengths, case, measured, page_case
from benchmarks.harness.growth_log import Logged, logged
from benchmarks.harness.growth_report import Series, plot, table
from benchmarks.harness.tools import RESULTS, cache

FIRST_PORT = 18_400

# As many users in each group, so that as many writes wait for one another.
USERS_OF_A_SIZE = 20
ROWS_OF_A_USER = (20, 200, 2_000, 20_000, 100_000)
PAGES = (1, 10, 100, 1_000, 5_000)

TASKS_EACH = 20
ROWS_IN_ALL = (200_000, 1_000_000, 10_000_000)
QUICK_ROWS_IN_ALL = ROWS_IN_ALL[:2]

type Space = dict[str, float]
"""Bytes a task takes, by table and index."""


def growth(
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Without the ten million; the figures are less steady.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Where the figures go; of a whole run: the results.")] = None,
) -> None:
    """Measure cost against rows of a user, rows in all and depth of the page, and the bytes that a task takes."""
    facts = machine.facts()
    lengths = QUICK if quick else Lengths()
    series = list(one_big_database(lengths))
    in_all, written, space = databases_of_sizes(lengths, QUICK_ROWS_IN_ALL if quick else ROWS_IN_ALL)
    series.append(in_all)
    tables = [*(table(each) for each in series), logged_table(written), space_table(space)]
    text = "\n".join([*tables, machine.line(facts) + "\n"])
    typer.echo(f"\n{text}")
    directory = out or (cache("results") if quick else RESULTS)
    results: dict[str, Any] = {"facts": facts, **{each.name: each.as_dict() for each in series}}
    results |= {"write_ahead_log": [asdict(each) for each in written], "bytes_a_task": space}
    report.written(directory, "growth", text, results)
    for each in series:
        plot(each, directory / f"growth-{each.name}.svg")


def one_big_database(lengths: Lengths) -> Iterator[Series]:
    """Users of every size side by side, and the pages of the largest."""
    groups = [Group(USERS_OF_A_SIZE, rows) for rows in ROWS_OF_A_USER]
    with (
        populated(*groups) as population,
        running(BY_NAME["donewell"], port=FIRST_PORT, on=population.database) as server,
    ):
        pages = [page_case(page, server, population, groups[-1]) for page in PAGES]
        title = f"Depth of the page, of a user with {ROWS_OF_A_USER[-1]:,} tasks"
        yield Series("depth", title, "page", measured(pages, ["list"], lengths))
        cases = [case(group.tasks, server, population, group) for group in groups]
        title = f"Rows of a user, in a database of {population.rows:,}"
        yield Series("user", title, "rows of the user", measured(cases, OPERATIONS, lengths))


def databases_of_sizes(lengths: Lengths, rows: tuple[int, ...]) -> tuple[Series, list[Logged], dict[int, Space]]:
    """Databases of every size side by side, of users with few tasks, a thousand of whom ask."""
    with ExitStack() as stack:
        populations = [stack.enter_context(populated(Group(count // TASKS_EACH, TASKS_EACH))) for count in rows]
        space = {
            each.rows: {part: size / each.rows for part, size in asyncio.run(sizes(each.database)).items()}
            for each in populations
        }
        servers = [
            stack.enter_context(running(BY_NAME["donewell"], port=FIRST_PORT + number, on=each.database))
            for number, each in enumerate(populations)
        ]
        cases = [
            case(each.rows, server, each, each.groups[0]) for each, server in zip(populations, servers, strict=True)
        ]
        title = f"Rows in all, of users with {TASKS_EACH} tasks, {len(cases)} databases"
        points = measured(cases, OPERATIONS, lengths)
        return Series("rows", title, "rows in all", points), asyncio.run(logged(servers[0], populations[0])), space


def logged_table(rows: list[Logged]) -> str:
    """Markdown."""
    head = ["", "its own", "with full pages, the first thousand after a checkpoint", "the second"]
    lines = [[row.operation, *(f"{size:,.0f}" for size in (row.own, row.after_checkpoint, row.later))] for row in rows]
    return f"### Bytes of write-ahead log a write, of 1,000\n\n{report.table([head, *lines])}"


def space_table(space: dict[int, Space]) -> str:
    """Markdown."""
    parts = list(next(iter(space.values())))
    head = ["rows in all", *parts, "together"]
    lines = [
        [f"{rows:,}", *(f"{found[part]:.0f}" for part in parts), f"{sum(found.values()):.0f}"]
        for rows, found in space.items()
    ]
    return f"### Bytes on disk a task\n\n{report.table([head, *lines])}"
