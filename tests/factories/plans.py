"""Plans: how PostgreSQL really ran each statement that an application sent, and those of its own for foreign keys."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from asyncpg import Connection
from asyncpg.introspection import INTRO_LOOKUP_TYPES

type Node = Mapping[str, Any]

_AUTO_EXPLAIN = {
    "log_min_duration": "0",
    "log_analyze": "on",
    "log_buffers": "on",
    "log_wal": "on",
    "log_timing": "off",
    "log_nested_statements": "on",  # a foreign key's own
    "log_parameter_max_length": "0",
    "log_format": "json",
    "log_level": "notice",  # to the client, and not to the server's log
}


def explaining(url: str, plan_cache_mode: str) -> str:
    """The URL of the same database, which then tells the plan of every statement, made in this mode."""
    settings = {
        "session_preload_libraries": "auto_explain",
        "plan_cache_mode": plan_cache_mode,
        **{f"auto_explain.{name}": value for name, value in _AUTO_EXPLAIN.items()},
    }
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return f"{url}&options={quote(options, safe='')}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a statement, and what running it took."""

    sql: str
    root: Node

    def nodes(self) -> list[Node]:
        """Every node of the plan, in the order in which EXPLAIN shows them."""
        return list(_below(self.root))

    def kinds(self) -> set[str]:
        return {node["Node Type"] for node in self.nodes()}

    def scans(self) -> list[Node]:
        """The nodes that read a table."""
        return [node for node in self.nodes() if "Relation Name" in node and node["Node Type"] != "ModifyTable"]

    def examined(self) -> float:
        """How many rows of tables the plan has looked at."""
        removed = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
        rows: Iterator[float] = (
            node["Actual Loops"] * (node["Actual Rows"] + sum(node.get(name, 0) for name in removed))
            for node in self.scans()
        )
        return sum(rows)

    def is_clean(self) -> bool:
        """Whether it wrote no page that was new to the log since the last checkpoint, which is then logged in full."""
        return not self.root["WAL FPI"]

    def logged(self) -> int:
        """The bytes that it added to the write-ahead log."""
        return int(self.root["WAL Bytes"])

    def blocks(self) -> int:
        """How many blocks it has touched."""
        return int(self.root["Shared Hit Blocks"] + self.root["Shared Read Blocks"])

    def summary(self) -> str:
        """What it does to which tables, and the indexes that lead there: `update revisions, tasks: tasks_pkey`."""
        written = [node for node in self.nodes() if node["Node Type"] == "ModifyTable"]
        verb = "lock" if "LockRows" in self.kinds() else "select"
        does = {f"{node['Operation'].lower()} {node['Relation Name']}": None for node in written}
        does = does or {f"{verb} {node['Relation Name']}": None for node in self.scans()}
        indexes = sorted({node["Index Name"] for node in self.nodes() if "Index Name" in node})
        return ", ".join(does) + (f": {', '.join(indexes)}" if indexes else "")


def _below(node: Node) -> Iterator[Node]:
    yield node
    for inner in node.get("Plans", ()):
        yield from _below(inner)


@contextmanager
def explained() -> Iterator[list[Plan]]:
    """`with explained() as plans:` collects what databases of `explaining` tell of statements on tables meanwhile."""
    plans: list[Plan] = []

    def heard(_: Any, message: Mapping[str, str], __: Any) -> None:
        _before, marker, told = message["M"].partition(" plan:\n")
        if marker:
            plan = msgspec.json.decode(told)
            found = Plan(plan["Query Text"], plan["Plan"])
            # The driver asks once a connection about the type of an array.
            if found.summary() and found.sql != INTRO_LOOKUP_TYPES:
                plans.append(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "_process_log_message", heard)
        yield plans
