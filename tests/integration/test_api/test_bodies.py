"""Bodies that are no good: not JSON, not text, not an object, not of the type that the path takes."""

import pytest

from tests.factories.clients import PASSWORD, Client
from tests.integration.test_api.answers import JSON, LOGIN, ME, REGISTER, TASKS, TOKEN, answered, faults, problem

# Nothing needs to be at this address: a body is judged before anything is looked for.
TASK = f"{TASKS}/01a2031a-4bff-74e3-9420-6887b1f97bce"

TAKES_JSON = [
    ("POST", TASKS),
    ("PUT", TASK),
    ("PATCH", TASK),
    ("PATCH", f"{TASK}/complete"),
    ("PATCH", ME),
    ("POST", REGISTER),
    ("POST", LOGIN),
    ("POST", "/api/me/tasks"),
]

NOT_JSON = {
    "brace": b"{",
    "word": b"hello",
    "single-quotes": b"{'title': 'x'}",
    "comma": b'{"title": "x",}',
    "two": b'{"title": "x"}{"title": "y"}',
    "space": b" ",
    "newline-in-string": b'{"title": "a\nb"}',
    "bad-escape": rb'{"title": "\x41"}',
    "half-an-escape": rb'{"title": "\ud8"}',
    "nul": b"\0",
    "form": b"title=x",
    "xml": b'<?xml version="1.0"?><title>x</title>',
    "latin-1": '{"title": "Gr\u00f6\u00dfe"}'.encode("latin-1"),
    "half-a-character": b'{"title": "\xc3"}',
    "overlong": b'{"title": "\xc0\x80"}',
    "deep-array": b"[" * 100_000,
    "deep-object": b'{"title":' * 100_000 + b"1" + b"}" * 100_000,
    "deep-value": b'{"title": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "digits": b'{"title": ' + b"9" * 10_000 + b"}",
}

NO_OBJECT = [b"null", b"true", b"1", b"1.5", b'"x"', b"[]", b"[1]", b'[{"title": "x"}]', b'"{}"', b"NaN", b"1e999"]

ANOTHER_TYPE = [
    None,
    "",
    "text/plain",
    "text/json",
    "application/xml",
    "application/jsonp",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "json",
    "*/*",
]

FORM = "application/x-www-form-urlencoded"


def typed(content_type: str | None) -> dict[str, str]:
    return {} if content_type is None else {"Content-Type": content_type}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
async def test_what_is_not_json_is_said_to_be_the_bodys_fault(owner: Client, body: bytes) -> None:
    for method, path in TAKES_JSON:
        reply = await owner.request(method, path, content=body, headers=JSON)
        assert faults(reply) == ["body"], path


@pytest.mark.parametrize("body", NO_OBJECT)
async def test_what_is_no_object_is_said_to_be_the_bodys_fault(owner: Client, body: bytes) -> None:
    for method, path in TAKES_JSON:
        reply = await owner.request(method, path, content=body, headers=JSON)
        assert faults(reply) == ["body"], path


@pytest.mark.parametrize(("method", "path"), TAKES_JSON)
@pytest.mark.parametrize("headers", [{}, JSON], ids=["untyped", "typed"])
async def test_nothing_at_all_completes_and_is_refused_elsewhere(
    owner: Client, method: str, path: str, headers: dict[str, str]
) -> None:
    reply = await owner.request(method, path, headers=headers)

    if path.endswith("/complete"):
        problem(reply, 404, "task_not_found")
    else:
        assert faults(reply) == ["body"]
        assert reply.json()["errors"][0]["code"] == "missing"


@pytest.mark.parametrize("content_type", ANOTHER_TYPE)
async def test_a_body_of_another_type_is_refused_even_if_it_is_json(owner: Client, content_type: str | None) -> None:
    for method, path in TAKES_JSON:
        reply = await owner.request(method, path, content=b"{}", headers=typed(content_type))
        problem(reply, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/merge-patch+json",
        "application/json;charset=UTF-8;x=y",
    ],
)
async def test_every_name_of_json_is_taken(owner: Client, content_type: str) -> None:
    reply = await owner.post(TASKS, content='{"title": "Größe"}'.encode(), headers=typed(content_type))

    assert answered(reply, 201)["title"] == "Größe"


@pytest.mark.parametrize("content_type", [*ANOTHER_TYPE[:6], "application/json", "json"])
async def test_the_form_path_takes_forms_alone(owner: Client, content_type: str | None) -> None:
    body = b'{"grant_type": "password"}' if content_type == "application/json" else b"grant_type=password"

    problem(await owner.post(TOKEN, content=body, headers=typed(content_type)), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"grant_type=password"),
        ("multipart/form-data; boundary=b", b"grant_type=password"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n\r\n--b--"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; filename="x"\r\n\r\nx\r\n--b--'),
    ],
    ids=["no-boundary", "no-parts", "nameless", "nameless-file"],
)
async def test_a_broken_form_is_the_bodys_fault(anonymous: Client, content_type: str, body: bytes) -> None:
    assert faults(await anonymous.post(TOKEN, content=body, headers=typed(content_type))) == ["body"]


@pytest.mark.parametrize("body", [b"", b"=", b"&&&", b"%ff=%ff", b"\xff\xfe", b"%00", b"grant_type"], ids=ascii)
async def test_a_form_without_the_fields_names_the_one_it_needs_first(anonymous: Client, body: bytes) -> None:
    reply = await anonymous.post(TOKEN, content=body, headers=typed("application/x-www-form-urlencoded"))

    assert faults(reply, "invalid_token_request") == ["grant_type"]


@pytest.mark.parametrize("charset", ["punycode", "unicode_escape", "utf-16", '"latin-1"', "utf-8x", ""])
async def test_a_form_is_text_in_one_encoding(anonymous: Client, charset: str) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="username"\r\n\r\n' + b"x" * 65_536

    for kind in ("multipart/form-data; boundary=b; charset=", "multipart/form-data;CHARSET = ", FORM + "; charset="):
        headers = typed(f"{kind}{charset}; boundary=b")
        problem(await anonymous.post(TOKEN, content=body, headers=headers), 415, "unsupported_media_type")


async def test_a_file_in_place_of_a_form_field_is_refused(owner: Client, anonymous: Client) -> None:
    fields = {"grant_type": (None, "password"), "username": (None, owner.email)}

    reply = await anonymous.post(TOKEN, files={**fields, "password": ("p.txt", PASSWORD.encode())})

    assert faults(reply, "malformed_request") == ["body"]


LONG = "x" * 16_385
TOO_MUCH: dict[str, dict[str, str]] = {
    "fields": {f"field_{number}": "x" for number in range(21)},
    "a value": {"grant_type": "password", "username": LONG},
}


@pytest.mark.parametrize("fields", TOO_MUCH.values(), ids=TOO_MUCH)
async def test_a_form_of_more_than_anybody_needs_is_refused(anonymous: Client, fields: dict[str, str]) -> None:
    replies = [
        await anonymous.post(TOKEN, data=fields),
        await anonymous.post(TOKEN, files={name: (None, value) for name, value in fields.items()}),
        await anonymous.post(TOKEN, content=f"{LONG}=", headers=typed(FORM)),
    ]

    for reply in replies:
        assert faults(reply, "malformed_request") == ["body"]


async def test_no_more_faults_are_named_than_anybody_reads(owner: Client) -> None:
    reply = await owner.post(TASKS, json={"title": "x", **{f"unknown_{number}": 1 for number in range(5_000)}})

    assert len(faults(reply, "invalid_input")) == 100
