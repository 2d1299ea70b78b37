"""Every regular expression that can meet what a stranger sends, with the way in which it is used."""

import ast
import math
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from re import _constants, _parser
from types import ModuleType
from typing import Any, NamedTuple

import icalendar
from lark import Lark
from lark.lexer import PatternStr

import backend

WAYS = {
    "match": "match",
    "fullmatch": "fullmatch",
    **dict.fromkeys(("search", "sub", "subn", "split", "findall", "finditer"), "search"),
}
"""The functions of `re`, and of a pattern, by where they try it: at the beginning, on the whole, or anywhere."""

NEVER_IMPORTED = "backend.database.migrations"
"""Alembic runs these; they meet nothing that comes from outside."""

LEFT_OUT = re.compile(r"icalendar\.(?:tests|fuzzing|cli|timezone\.(?:pytz|equivalent_timezone_ids))\b")
"""What of that library is for its own tests, for the command line, or for a library that is not installed."""


class Use(NamedTuple):
    """A pattern as somebody applies it."""

    where: str
    pattern: re.Pattern[Any]
    way: str


def in_code() -> Iterator[Use]:
    """The patterns of our modules: those compiled once, and those named where they are used."""
    for found in walk_packages(backend.__path__, "backend."):
        if not found.name.startswith(NEVER_IMPORTED):
            yield from in_module(import_module(found.name))


def in_grammars() -> Iterator[Use]:
    """The terminals of our grammars: a parser tries them at the place that it has come to."""
    for found in walk_packages(backend.__path__, "backend."):
        if not found.name.startswith(NEVER_IMPORTED):
            for grammar in vars(import_module(found.name)).values():
                if isinstance(grammar, Lark):
                    for terminal in grammar.terminals:
                        pattern = terminal.pattern
                        source = re.escape(pattern.value) if isinstance(pattern, PatternStr) else pattern.value
                        flags = sum(getattr(re, flag.upper()) for flag in pattern.flags)
                        yield Use(f"{found.name}, {terminal.name}", re.compile(source, flags), "match")


def in_calendars() -> Iterator[Use]:
    """The patterns of the library that reads and writes calendars, whether or not we get to them."""
    for found in walk_packages(icalendar.__path__, "icalendar."):
        if not LEFT_OUT.match(found.name):
            yield from in_module(import_module(found.name))


def in_module(module: ModuleType) -> Iterator[Use]:
    """The patterns of one module, in each way in which it uses them; where that cannot be told, in the dearest."""
    tree = ast.parse(Path(str(module.__file__)).read_text())
    named = {id(statement.value) for statement in tree.body if isinstance(statement, ast.Assign)}
    seen: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name("re"), attr="compile"), args=[source, *rest]):
                if id(node) not in named:
                    yield Use(
                        _at(module, node), re.compile(_value(source, module), _flags(node, rest, module)), "search"
                    )
            case ast.Call(func=ast.Attribute(value=ast.Name("re"), attr=name), args=[source, *rest]) if name in WAYS:
                yield Use(_at(module, node), re.compile(_value(source, module), _flags(node, rest, module)), WAYS[name])
            case ast.Attribute(value=ast.Name(name), attr=way) if way in WAYS:
                pattern = vars(module).get(name)
                if isinstance(pattern, re.Pattern):
                    seen.add(id(pattern))
                    yield Use(_at(module, node), pattern, WAYS[way])
    for name, value in vars(module).items():
        # Used elsewhere, or in a way that this does not follow.
        if isinstance(value, re.Pattern) and id(value) not in seen:
            yield Use(f"{module.__name__}.{name}", value, "search")


def in_routes(routes: Iterator[Any]) -> Iterator[Use]:
    """The patterns that paths are matched with."""
    for route in routes:
        if (pattern := getattr(route, "path_regex", None)) is not None:
            yield Use(f"route {route.path}", pattern, "match")


def in_document(part: Any, where: str = "#") -> Iterator[Use]:
    """The patterns of the OpenAPI document: those who read it run them on what people type."""
    if isinstance(part, dict):
        if isinstance(part.get("pattern"), str):
            yield Use(where, re.compile(part["pattern"]), "search")
        for name, value in part.items():
            yield from in_document(value, f"{where}/{name}")
    elif isinstance(part, list):
        for number, value in enumerate(part):
            yield from in_document(value, f"{where}/{number}")


def _at(module: ModuleType, node: ast.expr) -> str:
    return f"{module.__name__}:{node.lineno}"


def _value(expression: ast.expr, module: ModuleType) -> Any:
    return eval(compile(ast.Expression(expression), module.__name__, "eval"), vars(module))


def _flags(call: ast.Call, rest: list[ast.expr], module: ModuleType) -> int:
    """The flags of a call, which come last: nothing else that it is given is a number of their kind."""
    given = [keyword.value for keyword in call.keywords if keyword.arg == "flags"] or rest
    values = [_value(node, module) for node in given if isinstance(node, ast.Attribute | ast.BinOp)]
    return next((int(value) for value in values if isinstance(value, re.RegexFlag)), 0)


def ways(pattern: re.Pattern[Any]) -> float:
    """In how many ways a pattern can be tried at one place, at most; infinite where it repeats without end."""
    return _ways(_parser.parse(pattern.pattern, pattern.flags))


def _ways(parts: Any) -> float:
    product = 1.0
    for kind, what in parts:
        if kind is _constants.BRANCH:
            product *= sum(_ways(branch) for branch in what[1])
        elif kind in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
            least, most, repeated = what
            endless, once = most is _constants.MAXREPEAT, _ways(repeated)
            # With logarithms: a power may be more than a number can be.
            many = endless or most * math.log(max(once, 1)) > _MANY
            product *= math.inf if many else sum(once**times for times in range(least, most + 1))
        elif kind in (_constants.SUBPATTERN, _constants.ASSERT, _constants.ASSERT_NOT):
            product *= _ways(what[-1])
        elif kind not in _ONE_WAY:
            return math.inf
    return product


_MANY = math.log(sys.float_info.max) / 2
_ONE_WAY = (_constants.LITERAL, _constants.NOT_LITERAL, _constants.IN, _constants.ANY, _constants.AT)


def as_javascript(use: Use) -> tuple[str, str]:
    """The pattern in the language of the tool, tried where the code tries it. Raises if there is no such thing."""
    source = use.pattern.pattern
    text = source.decode("latin-1") if isinstance(source, bytes) else str(source)
    known = re.IGNORECASE | re.DOTALL | re.MULTILINE | re.ASCII | re.UNICODE
    if use.pattern.flags & ~known:
        raise ValueError(f"{use.where}: a flag that JavaScript has not")
    text, ignoring_case = re.subn(r"\(\?i:", "(?:", text)
    text = re.sub(r"\(\?P<", "(?<", text)
    text = re.sub(r"\(\?P=(\w+)\)", r"\\k<\1>", text)
    text = re.sub(r"(?<!\\)((?:\\\\)*)\\A", r"\1^", text)
    text = re.sub(r"(?<!\\)((?:\\\\)*)\\Z", r"\1$", text)
    flags = "".join(
        letter
        for letter, flag in (("i", re.IGNORECASE), ("m", re.MULTILINE), ("s", re.DOTALL))
        if use.pattern.flags & flag or (letter == "i" and ignoring_case)
    )
    begin, end = ("" if use.way == "search" else "^(?:"), {"search": "", "match": ")", "fullmatch": ")$"}[use.way]
    return f"{begin}{text}{end}", flags
