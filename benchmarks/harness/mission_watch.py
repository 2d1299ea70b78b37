"""Watches a server, its database and the load generator while they work: CPU, memory, connections, open files."""

import threading
import time
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.harness.contestants import Server
from benchmarks.harness.cpu import PROC, TICK, Tree

INTERVAL = 0.5
"""Seconds between two readings of CPU time: a reading takes about 2 ms."""
STATE_EVERY = 4
"""Readings of CPU time to one of the state, which takes ten times as long: the kernel walks page tables."""

PROC_STAT = PROC / "stat"


@dataclass(frozen=True, slots=True)
class State:
    """What the server and the database hold at a moment (Unix seconds); memory in bytes of PSS."""

    time: float
    server_memory: int
    database_memory: int
    connections: int
    open_files: int


@dataclass(slots=True)
class Watch:
    """A context manager; what it saw is there to ask during and after."""

    server: Server
    load: Sequence[int]
    """The process numbers of the load generators."""
    states: list[State] = field(default_factory=list)
    _times: list[float] = field(default_factory=list)
    _cpu: list[list[int]] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def cpu(self, begin: float, end: float) -> tuple[float, float, float, float]:
        """Seconds of CPU between two moments (Unix seconds): the server, the database, the load generator, others."""
        before, after = self._at(begin), self._at(end)
        server, database, load, all_ = ((late - early) / 1e9 for early, late in zip(before, after, strict=True))
        return server, database, load, max(0.0, all_ - server - database - load)

    def peak(self, begin: float, end: float) -> State:
        """The most of each that was seen between two moments; the state nearest to them, if they are too close."""
        seen = [state for state in self.states if begin <= state.time <= end]
        seen = seen or [min(self.states, key=lambda state: abs(state.time - end))]
        return State(end, *(max(column) for column in zip(*(_numbers(state) for state in seen), strict=True)))

    def _watch(self) -> None:
        trees = [self.server.tree, self.server.database.tree, *map(Tree, self.load)]
        before = [tree.snapshot() for tree in trees]
        spent = [0] * 4
        turn = 0
        while True:
            server, database, *load = (tree.spent(first) for tree, first in zip(trees, before, strict=True))
            spent = list(map(max, (server, database, sum(load), _machine()), spent))  # the load may have ended
            self._times.append(time.time())
            self._cpu.append(spent)
            if turn % STATE_EVERY == 0:
                self.states.append(state_of(self.server))
            turn += 1
            if self._stopped.wait(INTERVAL):
                return

    def _at(self, moment: float) -> list[float]:
        """The meters at a moment, in a straight line between the readings around it."""
        after = min(max(bisect_left(self._times, moment), 1), len(self._times) - 1)
        early, late = self._times[after - 1], self._times[after]
        share = (moment - early) / (late - early)
        return [a + (b - a) * share for a, b in zip(self._cpu[after - 1], self._cpu[after], strict=True)]


def state_of(server: Server) -> State:
    """The present state."""
    pids = server.tree.pids()
    return State(
        time=time.time(),
        server_memory=server.tree.pss(),
        database_memory=server.database.tree.pss(),
        connections=server.database.connections(),
        open_files=sum(map(_open_files, pids)),
    )


def _numbers(state: State) -> tuple[int, int, int, int]:
    return state.server_memory, state.database_memory, state.connections, state.open_files


def _machine() -> int:
    """Nanoseconds in which the machine's cores have been busy."""
    user, nice, system, _idle, _wait, interrupts, soft = map(int, PROC_STAT.read_text().split()[1:8])
    return (user + nice + system + interrupts + soft) * TICK


def _open_files(pid: int) -> int:
    with suppress(OSError):
        return sum(1 for _ in Path(PROC / str(pid) / "fd").iterdir())
    return 0
