"""The examples of a document: taken out of it, run in one shell from top to bottom, compared with what it shows.

A `bash` block is run; an `http`, `json` or `text` block after it shows what it prints. Nothing else is touched.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

DOCUMENTED_SERVER = "http://127.0.0.1:8000"

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VOLATILE = re.compile(
    r"\b(?:(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})"
    r"|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?Z))\b"
)

# A failed command does not end the document; curl takes an error status for a failure (see `run`).
PRELUDE = 'set -uE -o pipefail\ntrap \'echo "$? $BASH_COMMAND" >> "$FAILED"\' ERR\n'
ERROR_STATUS = "22 curl"


@dataclass(slots=True)
class Example:
    """What to run, and in which form (`http`, `json`, `text`) its output is shown, if it is."""

    code: str
    form: str = ""
    shown: str = ""

    def shows_refusal(self) -> bool:
        return self.form == "http" and int(self.shown.split()[1]) >= 400


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an example printed, and the commands in it that failed, each with its exit code."""

    printed: str
    failed: list[str]

    def is_as_expected_of(self, example: Example) -> bool:
        """Whether no command failed, or just one request, where the example shows that it is refused."""
        refused = [failure.startswith(ERROR_STATUS) for failure in self.failed]
        return refused == [True] if example.shows_refusal() else not refused


def examples_of(document: str) -> list[Example]:
    found: list[Example] = []
    for language, content in BLOCK.findall(document):
        if language == "bash":
            found.append(Example(content))
        elif language in ("http", "json", "text") and found and not found[-1].form:
            found[-1].form, found[-1].shown = language, content
    return found


def placed(document: str, server: str) -> str:
    """The document for this server, with addresses that nobody has registered."""
    return document.replace(DOCUMENTED_SERVER, server).replace("@example.com", f"@{uuid4().hex[:8]}.example.com")


def run(examples: list[Example], directory: Path, **settings: str) -> list[Outcome]:
    """Run the examples in `directory`, in one shell."""
    (directory / ".curlrc").write_text("fail-with-body\n")
    script = PRELUDE
    for number, example in enumerate(examples):
        script += f"FAILED={directory}/{number}.failed; exec > {directory}/{number}.out\n{example.code}"
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": programs, "CURL_HOME": str(directory), "LC_ALL": "C.UTF-8", **settings}
    subprocess.run(["bash", "-c", script], cwd=directory, env=environment, check=False, timeout=60)
    return [
        Outcome(_read(directory / f"{number}.out"), _read(directory / f"{number}.failed").splitlines())
        for number in range(len(examples))
    ]


class Reader:
    """Reads answers, naming ids and times in the order in which they come: the same ones, the same name."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def read(self, text: str, form: str) -> str:
        if form == "json":
            text = json.dumps(json.loads(text), indent=1)
        return VOLATILE.sub(self._name, text).strip()

    def _name(self, found: re.Match[str]) -> str:
        return self._names.setdefault(found[0], f"<{found.lastgroup} {len(self._names)}>")


def as_shown(printed: str, example: Example) -> str:
    """What was printed; of an HTTP answer what the example shows: the status line, the headers it names, its body."""
    if example.form != "http":
        return printed
    (status, headers, body), (_, names, wanted) = _parts(printed), _parts(example.shown)
    lines = [status, *(f"{name}: {headers.get(name)}" for name in names)]
    return "\n".join([*lines, "", json.dumps(json.loads(body), indent=1)] if wanted else lines)


def _parts(answer: str) -> tuple[str, dict[str, str], str]:
    head, _, body = answer.replace("\r", "").partition("\n\n")
    status, *lines = head.strip().splitlines()
    return status, dict(line.split(": ", 1) for line in lines), body.strip()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
