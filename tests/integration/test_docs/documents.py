"""The documents of the repository."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def documents() -> list[Path]:
    """Every Markdown file that is ours."""
    folders = (ROOT / "docs", ROOT / "specs", ROOT / "backend", ROOT / "tests")
    found = [*ROOT.glob("*.md"), *(path for folder in folders for path in folder.rglob("*.md"))]
    return sorted(path for path in found if "node_modules" not in path.parts)


def prose(path: Path) -> str:
    """The text without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)


def table_after(heading: str, path: Path) -> list[list[str]]:
    """The rows of the first table below the line that begins with `heading`, without its two head rows."""
    lines = path.read_text().splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith(heading))
    rows: list[list[str]] = []
    for line in lines[begin:]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        elif rows:
            break
    return rows[2:]
