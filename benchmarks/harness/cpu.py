"""CPU time and memory of process trees, from /proc: to the nanosecond, for what has no counter of its own."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
MIB = 1 << 20
TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
"""Nanoseconds of the unit in which the system tells what ended processes have spent."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Nanoseconds on a CPU: of each (process, thread) that lives, and of the ended children of each process."""

    living: dict[tuple[int, int], int]
    ended: dict[int, int]


@dataclass(frozen=True, slots=True)
class Tree:
    """A process and its descendants, without the subtree under `without`, if there is one."""

    root: int
    without: int | None = None

    def pids(self) -> list[int]:
        """The processes that are there now, the root first."""
        found = []
        waiting = [self.root]
        while waiting:
            pid = waiting.pop()
            if pid == self.without:
                continue
            found.append(pid)
            waiting.extend(_children(pid))
        return found

    def snapshot(self) -> Snapshot:
        """The CPU time so far, for `spent`."""
        pids = self.pids()
        living = {(pid, thread): time for pid in pids for thread, time in _threads(pid)}
        return Snapshot(living, {pid: _of_ended_children(pid) for pid in pids})

    def spent(self, before: Snapshot) -> int:
        """Nanoseconds of CPU since `before`, of processes that have ended since too (those to 10 ms)."""
        now = self.snapshot()
        living = sum(time - before.living.get(thread, 0) for thread, time in now.living.items())
        ended = sum(time - before.ended.get(pid, 0) for pid, time in now.ended.items())
        # What an ended process had spent before is in its parent's count too.
        known = sum(time for (pid, _), time in before.living.items() if pid not in now.ended)
        return living + max(0, ended - known)

    def pss(self) -> int:
        """Bytes of memory, what several processes share counted once (proportional set size)."""
        return sum(map(pss, self.pids()))


def _children(pid: int) -> Iterator[int]:
    for path in (PROC / str(pid)).glob("task/*/children"):
        with suppress(OSError):
            yield from map(int, path.read_text().split())


def _threads(pid: int) -> Iterator[tuple[int, int]]:
    for path in (PROC / str(pid)).glob("task/*/schedstat"):
        with suppress(OSError):  # it ended meanwhile
            yield int(path.parent.name), int(path.read_text().split()[0])


def command_line(pid: int) -> bytes:
    """How a process was started, or how it calls itself; nothing once it has ended."""
    with suppress(OSError):
        return (PROC / str(pid) / "cmdline").read_bytes()
    return b""


def pss(pid: int) -> int:
    """Bytes of memory of one process."""
    with suppress(OSError):
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _of_ended_children(pid: int) -> int:
    with suppress(OSError):
        # After the name, which may hold anything: fields 16 and 17 are cutime and cstime (proc_pid_stat(5)).
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[13]) + int(fields[14])) * TICK
    return 0
