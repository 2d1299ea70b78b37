"""What is to be reached, as ratios within one run: what must be, and what is the goal."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.harness.summary import Spread, Summary

OURS = "donewell"


@dataclass(frozen=True, slots=True)
class Target:
    """How many times a figure of ours may be a peer's; `cheaper`: how many times a peer's must be ours."""

    peer: str
    figure: str
    must: float
    goal: float
    cheaper: bool = False

    def reached(self, summary: Summary, operation: str) -> Spread | None:
        """The ratio as the target counts it, if both were measured."""
        ratio = summary.ratio(self.figure, OURS, self.peer, operation)
        return ratio.inverse() if ratio and self.cheaper else ratio

    def verdict(self, value: float) -> str:
        """Which of the two a ratio reaches."""
        sign = -1 if self.cheaper else 1
        if sign * value <= sign * self.goal:
            return "goal"
        return "must" if sign * value <= sign * self.must else "MISSED"


TARGETS: Sequence[Target] = (
    Target("idiomatic", "server_us", 1 / 4, 1 / 6),
    Target("fastify", "total_us", 1.5, 1.0),
    Target("pocketbase", "total_us", 2, 3, cheaper=True),
    Target("express", "total_us", 2, 3, cheaper=True),
    Target("litestar", "total_us", 2, 3, cheaper=True),
    Target("django", "total_us", 2, 3, cheaper=True),
    Target("pgbench", "total_us", 3.5, 2.5),
)
