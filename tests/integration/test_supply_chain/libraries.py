"""What is installed: Python's distributions, and what some of them carry."""

import platform
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import distribution
from importlib.metadata import version as installed
from importlib.resources import files

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from backend.database import postgres_program
from tests.integration.test_docs.documents import ROOT


def _within(asset: str, pattern: str) -> Callable[[], str]:
    """Reads a version from a script that `fastapi-offline` carries."""

    def read() -> str:
        text = files("fastapi_offline").joinpath("static", asset).read_text(encoding="utf-8")
        [version] = set(re.findall(pattern, text))
        return str(version)

    return read


def _postgres() -> str:
    program = postgres_program.installed() / postgres_program.INSTALLATION / "bin" / "postgres"
    return subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout.split()[-1]


CARRIED = {
    "CPython": platform.python_version,
    "PostgreSQL": _postgres,
    "Swagger UI": _within("swagger-ui-bundle.js", r'PACKAGE_VERSION:"([\d.]+)"'),
    "DOMPurify in Swagger UI": _within("swagger-ui-bundle.js", r'DOMPurify\.version="([\d.]+)"'),
    "DOMPurify in Redoc": _within("redoc.standalone.js", r'\b\w+\.version="(3\.[\d.]+)",\w+\.removed='),
}


@cache
def version_of(part: str) -> Version:
    """The version of a library, or of what one of them carries; fails if it is not there."""
    return Version(CARRIED[part]() if part in CARRIED else installed(part))


@cache
def shipped() -> frozenset[str]:
    """The distributions that a server is installed with, directly or for another's sake."""
    found: set[str] = set()
    waiting: list[tuple[str, str]] = [("donewell", "")]
    while waiting:
        name, extra = waiting.pop()
        for required in _required_by(name, extra):
            wanted = canonicalize_name(required.name)
            if wanted not in found or required.extras:
                waiting += [(wanted, ""), *((wanted, extra) for extra in required.extras)]
            found.add(wanted)
    return frozenset(found)


def _required_by(name: str, extra: str) -> Iterator[Requirement]:
    for line in distribution(name).requires or ():
        required = Requirement(line)
        if required.marker is None or required.marker.evaluate({"extra": extra}):
            yield required


@cache
def floors() -> dict[str, Version]:
    """The least versions with which `pyproject.toml` lets anyone install us."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [Requirement(line) for line in project["dependencies"]]
    return {
        canonicalize_name(required.name): max(
            Version(bound.version) for bound in required.specifier if bound.operator == ">="
        )
        for required in requirements
    }
