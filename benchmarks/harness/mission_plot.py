"""The plot of the soak."""

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.harness.cpu import MIB
from benchmarks.harness.mission_load import Figures
from benchmarks.harness.mission_soak import Soak
from benchmarks.harness.plots import drawn

PANELS: Mapping[str, Mapping[str, Callable[[Figures], float]]] = {
    "latency, ms": {
        "p50": lambda window: window.p50,
        "p95": lambda window: window.p95,
        "p99": lambda window: window.p99,
    },
    "CPU, µs a request": {"server": lambda window: window.server_us, "database": lambda window: window.database_us},
    "memory, MiB": {
        "server": lambda window: window.server_memory / MIB,
        "database": lambda window: window.database_memory / MIB,
    },
    "database connections": {"": lambda window: window.connections},
    "open files": {"": lambda window: window.open_files},
    "cores": {
        "load generator": lambda window: window.load_cores,
        "everything else on the machine": lambda window: window.others_cores,
    },
}


def plot(soak: Soak, path: Path) -> None:
    """Draw the windows as SVG."""
    minutes = [(number + 1) * soak.window / 60 for number in range(len(soak.windows))]
    with drawn(path, 8, 11) as figure:
        axes = figure.subplots(len(PANELS), sharex=True)
        for panel, (title, lines) in zip(axes, PANELS.items(), strict=True):
            for name, value in lines.items():
                panel.plot(minutes, [value(window) for window in soak.windows], marker=".", label=name)
            panel.set_ylabel(title)
            panel.set_ylim(bottom=0)
            panel.grid(alpha=0.3)
            if len(lines) > 1:
                panel.legend(loc="lower right", framealpha=0.6)
        axes[0].set_title(f"1,000 users, one request a second each\n{soak.row.note}", fontsize="medium")
        axes[-1].set_xlabel("minutes")
