"""JSON on which parsers disagree, and more of it than anybody needs, is refused: on the fast path and behind it."""

import json
import time

import pytest

from tests.factories.clients import Client
from tests.integration.test_api.answers import JSON, LOGIN, ME, TASKS, answered, faults

# Nothing needs to be at this address: a body is judged before anything is looked for.
TASK = f"{TASKS}/01a2031b-4bff-74e3-9420-6887b1f97bce"
FAST = {"Content-Type": "application/json"}
# What the fast path leaves to FastAPI.
SLOW = {"Content-Type": "application/json; charset=utf-8"}
MIB = 1024 * 1024

REFUSED = {
    "deep": (b'{"title": ' + b"[" * 32 + b"]" * 32 + b"}", "nested_too_deep"),
    "deep objects": (b'{"a":' * 33 + b"1" + b"}" * 33, "nested_too_deep"),
    "deep behind a string": (b'{"title": "\\"}]", "x": ' + b"[{" * 16 + b"1" + b"}]" * 16 + b"}", "nested_too_deep"),
    "deep and open": (b"[" * 100_000, "nested_too_deep"),
    "twice": (b'{"title": "x", "title": "y"}', "duplicate_name"),
    "twice, escaped": (b'{"title": "x", "\\u0074itle": "y"}', "duplicate_name"),
    "twice inside": (b'{"title": "x", "more": [{"a": 1, "a": 1}]}', "duplicate_name"),
    "large": (b'{"title": 9007199254740992}', "number_range"),
    "large below": (b'{"title": -9007199254740992}', "number_range"),
    "ten thousand digits": (b'{"title": ' + b"9" * 10_000 + b"}", "number_range"),
    "exponent": (b'{"title": 1e309}', "number_range"),
    "exponent below": (b'{"title": -1e999999}', "number_range"),
    "NaN": (b'{"title": NaN}', "malformed_json"),
    "Infinity": (b'{"title": Infinity}', "malformed_json"),
    "-Infinity": (b'{"title": -Infinity}', "malformed_json"),
    "UTF-16": ('{"title": "x"}'.encode("utf-16"), "malformed_json"),
    "UTF-16 without a mark": ('{"title": "x"}'.encode("utf-16-le"), "malformed_json"),
    "UTF-32": ('{"title": "x"}'.encode("utf-32"), "malformed_json"),
    "Latin-1": (b'{"title": "\xfc"}', "malformed_json"),
    "a surrogate": (b'{"title": "\xed\xa0\x80"}', "malformed_json"),
    "comment": (b'{"title": "x" /* y */}', "malformed_json"),
}
PLACES = [("POST", TASKS), ("PATCH", TASK), ("PATCH", f"{TASK}/complete"), ("PATCH", ME), ("POST", LOGIN)]


@pytest.mark.parametrize(("body", "code"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("headers", [FAST, SLOW, {"Content-Type": "application/merge-patch+json"}])
async def test_it_is_refused_by_what_is_wrong_with_it(
    owner: Client, body: bytes, code: str, headers: dict[str, str]
) -> None:
    for method, path in PLACES:
        reply = await owner.request(method, path, content=body, headers=headers)
        assert faults(reply, "invalid_input") == ["body"], path
        assert reply.json()["errors"][0]["code"] == code, path


async def test_who_may_not_ask_is_told_that_first(anonymous: Client) -> None:
    reply = await anonymous.post(TASKS, content=b'{"title": NaN}', headers=FAST)

    assert reply.status_code == 401


@pytest.mark.parametrize("headers", [FAST, SLOW])
@pytest.mark.parametrize(
    "title", ["[{" * 100, '"}]\\', "x" * 200 + "{", "\ud83d\ude00 ".encode("utf-16", "surrogatepass").decode("utf-16")]
)
async def test_brackets_and_quotes_in_a_string_are_text(owner: Client, headers: dict[str, str], title: str) -> None:
    reply = await owner.post(TASKS, content=json.dumps({"title": title}).encode(), headers=headers)

    assert answered(reply, 201)["title"] == title.strip()


@pytest.mark.parametrize("headers", [FAST, SLOW])
async def test_what_is_just_within_bounds_is_only_a_wrong_value(owner: Client, headers: dict[str, str]) -> None:
    for value in (b"9007199254740991", b"-9007199254740991", b"1.7e308", b"1e-999", b"[" * 31 + b"]" * 31):
        reply = await owner.post(TASKS, content=b'{"title": ' + value + b"}", headers=headers)
        assert faults(reply, "invalid_input") == ["title"]


@pytest.mark.parametrize("headers", [FAST, SLOW])
async def test_a_byte_order_mark_is_passed_over(owner: Client, headers: dict[str, str]) -> None:
    reply = await owner.post(TASKS, content=b'\xef\xbb\xbf{"title": "x"}', headers=headers)

    assert answered(reply, 201)["title"] == "x"


@pytest.mark.parametrize(
    "body",
    [
        b"[]" * (MIB // 2 - 8),
        b"[" * (MIB - 8),
        b"[{}," * (MIB // 4 - 8),
        b'{"x": "' + b'\\"' * (MIB // 2 - 8),
        b'"' * (MIB - 8),
        b'{"x": ' + b"9" * (MIB - 16) + b"}",
        b'{"x": 0.' + b"1" * (MIB - 16) + b"}",
        b"[" + b"[],{}," * (MIB // 6 - 8) + b"1]",
    ],
    ids=["pairs", "open", "open pairs", "escapes", "quotes", "digits", "decimals", "many"],
)
async def test_to_look_at_the_worst_of_a_megabyte_takes_linear_time(owner: Client, body: bytes) -> None:
    begun = time.process_time()
    reply = await owner.post(TASKS, content=body, headers=JSON)

    assert reply.status_code == 400
    # It takes a tenth of that, traced for coverage half a second; what is quadratic takes minutes.
    assert time.process_time() - begun < 5


async def test_a_name_that_cannot_be_written_is_named_all_the_same(owner: Client) -> None:
    for headers in (FAST, SLOW):
        reply = await owner.post(TASKS, content=b'{"title": "x", "\\ud800": 1, "\\u0000": 2}', headers=headers)
        assert faults(reply, "invalid_input")
