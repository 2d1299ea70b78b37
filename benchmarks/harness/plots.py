"""Plots as SVG: text stays text, and both follow the reader's light or dark screen."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.harness.contest import TITLES, Outcome
from benchmarks.harness.summary import Summary

INK = "#010203"
"""Stands for the colour of text and lines, whichever suits the reader's screen."""
STYLE = """\
<style>
  :root { color: #24292f }
  @media (prefers-color-scheme: dark) { :root { color: #d8dee4 } }
</style>"""
SERVER, DATABASE = "#2f81f7", "#db8b1d"
"""Both are told apart from white and from black, and by those who do not see red and green."""

SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "donewell",  # the same figures give the same bytes
    "font.size": 9,
    "font.family": "sans-serif",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "legend.frameon": False,
}


@contextmanager
def drawn(path: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure to draw on, of that many inches; it is written to `path` at the end."""
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        figure.savefig(path, metadata={"Date": None, "Creator": None}, transparent=True)
    svg = path.read_text().replace(INK, "currentColor")
    path.write_text(svg.replace("<defs>", f"{STYLE}\n <defs>", 1))


def bars(outcome: Outcome, path: Path) -> None:
    """CPU time per request, server and database stacked, for each operation; a line shows the spread of the rounds."""
    summary = Summary(outcome.runs)
    names = outcome.names()
    operations = outcome.plan.operations
    with drawn(path, 10, 0.9 + len(operations) * (0.55 + 0.2 * len(names))) as figure:
        panels = figure.subplots(len(operations), squeeze=False)[:, 0]
        for panel, operation in zip(panels, operations, strict=True):
            ranked = sorted(names, key=lambda name: summary.figure("total_us", name, operation).median, reverse=True)
            titles = [TITLES[name] for name in ranked]
            server = [summary.figure("server_us", name, operation).median for name in ranked]
            database = [summary.figure("database_us", name, operation).median for name in ranked]
            totals = [summary.figure("total_us", name, operation) for name in ranked]
            ends = [one + other for one, other in zip(server, database, strict=True)]
            apart = [
                [max(0.0, end - total.least) for end, total in zip(ends, totals, strict=True)],
                [max(0.0, total.most - end) for end, total in zip(ends, totals, strict=True)],
            ]
            panel.barh(titles, server, color=SERVER, label="server")
            panel.barh(titles, database, left=server, color=DATABASE, label="database", xerr=apart, ecolor=INK)
            for row, (end, total) in enumerate(zip(ends, totals, strict=True)):
                panel.annotate(
                    f"{total.median:,.0f}", (max(end, total.most), row), (4, 0), textcoords="offset points", va="center"
                )
            panel.set_title(operation, loc="left", fontweight="bold")
            panel.margins(x=0.08)
        panels[0].legend(loc="upper right")
        panels[-1].set_xlabel("CPU time per request, µs")
