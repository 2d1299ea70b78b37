"""How many statements each operation sends. The table is exact, so that what documents quote of it stays true."""

from collections.abc import Mapping

import pytest

from tests.factories.clients import PASSWORD, Client
from tests.factories.queries import CountQueries
from tests.integration.test_architecture.operations import OPERATIONS, PROTECTED, Operation, ids_of, send

BUDGETS: Mapping[str, int] = {
    "list_tasks": 1,
    "create_task": 1,
    "quick_add": 3,
    "get_task": 1,
    "put_task": 1,
    "update_task": 1,
    "complete_task": 1,
    "delete_task": 2,
    "list_tree": 1,
    "list_occurrences": 1,
    "skip_occurrence": 2,
    "undo_occurrence": 2,
    "list_feeds": 1,
    "create_feed": 4,
    "delete_feed": 2,
    "read_feed": 2,
    "get_statistics": 1,
    "list_trash": 1,
    "restore": 2,
    "purge": 4,
    "move_task": 3,
    "list_projects": 1,
    "create_project": 1,
    "get_project": 1,
    "put_project": 1,
    "update_project": 1,
    "move_project": 3,
    "delete_project": 2,
    "list_filters": 1,
    "create_filter": 1,
    "get_filter": 1,
    "put_filter": 1,
    "update_filter": 1,
    "move_filter": 3,
    "delete_filter": 1,
    "list_labels": 1,
    "create_label": 1,
    "get_label": 1,
    "put_label": 1,
    "update_label": 2,
    "merge_label": 3,
    "move_label": 3,
    "delete_label": 2,
    "export_tasks": 6,
    "import_tasks": 6,
    "get_me": 1,
    "delete_me": 8,
    "export_me": 15,
    "update_me": 5,
    "register_user": 7,
    "login": 6,
    "issue_token": 2,
    "logout": 4,
    "list_sessions": 1,
    "end_session": 4,
    "end_other_sessions": 1,
    "list_audit": 1,
    "list_access_tokens": 1,
    "create_access_token": 5,
    "delete_access_token": 3,
    "forgot_password": 2,
    "reset_password": 12,
    "change_password": 10,
    "verify_email": 4,
    "resend_verification": 2,
    "change_email": 7,
    "get_readiness": 0,
    "get_health": 0,
    "get_key_set": 0,
    "get_liveness": 0,
    "openapi": 0,
    "docs": 0,
    "redoc": 0,
    "redoc_script": 0,
    "assets": 0,
}
"""Statements that a request sends when it succeeds, besides BEGIN and COMMIT, by the name of its route."""

UNVERSIONED = {"end_session", "delete_feed", "delete_access_token", "restore", "purge"}
"""Operations on an object that has no version."""

LARGEST_BUDGET = 12

WHOLE = "export_me"
"""Reads every table that has rows of users, each with a statement."""

HERE = "tests/integration/test_architecture/test_query_budgets.py"


@pytest.fixture
async def connected(owner: Client) -> Client:
    """The owner, on connections that are open already: opening one takes statements of its own, once."""
    for path in ("/api/v1/users/me", "/api/v1/users/me/tasks"):
        assert (await owner.get(path)).status_code == 200
    return owner


def test_every_operation_has_a_budget() -> None:
    names = {operation.name for operation in OPERATIONS}
    missing = sorted(names - BUDGETS.keys())
    assert not missing, f"To BUDGETS in {HERE}, add the number of statements of {', '.join(missing)}"
    assert sorted(BUDGETS.keys() - names) == [], f"Remove these from BUDGETS in {HERE}"
    assert max(budget for name, budget in BUDGETS.items() if name != WHOLE) <= LARGEST_BUDGET
    for operation in OPERATIONS:
        if operation.path.endswith(("/tasks", "/tasks/{task_id}", "/tasks/{task_id}/complete")):
            budget = 1 if operation.method != "DELETE" else 2
            assert BUDGETS[operation.name] == budget, f"{operation} is nearly all of the traffic: it is one statement"


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
async def test_an_operation_keeps_to_its_budget(
    connected: Client, operation: Operation, count_queries: CountQueries
) -> None:
    ids = await ids_of(connected, operation)

    with count_queries() as queries:
        reply = await send(connected, operation, ids, sender=connected)

    assert reply.is_success, reply.text
    advice = f'If these are right, BUDGETS in {HERE} says "{operation.name}": {len(queries)}'
    assert len(queries) == BUDGETS.get(operation.name), "\n".join([advice, *queries])


async def test_completing_what_recurs_takes_three_statements(connected: Client, count_queries: CountQueries) -> None:
    tasks = "/api/v1/users/me/tasks"
    daily = {"title": "Water", "due_date": "2027-03-01", "recurrence": {"rule": "FREQ=DAILY"}}
    task = (await connected.post(tasks, json=daily)).json()
    path = f"{tasks}/{task['id']}/complete"

    for sent in ({"due_date": "2027-03-01"}, {"due_date": "2027-03-01"}, {}):
        with count_queries() as queries:
            reply = await connected.patch(path, json=sent)

        assert reply.is_success, reply.text
        assert len(queries) == 3, "\n".join(queries)


async def test_signing_in_with_the_form_costs_as_much_as_with_json(
    connected: Client, count_queries: CountQueries
) -> None:
    form = {"grant_type": "password", "username": connected.email, "password": PASSWORD}

    with count_queries() as queries:
        reply = await connected.post("/api/v1/auth/token", data=form)

    assert reply.status_code == 200
    assert len(queries) == BUDGETS["login"]


@pytest.mark.parametrize("rows", [0, 1, 30])
async def test_a_list_costs_the_same_however_many_rows_it_has(
    connected: Client, count_queries: CountQueries, rows: int
) -> None:
    for number in range(rows):
        await connected.post("/api/v1/users/me/tasks", json={"title": str(number)})

    with count_queries() as queries:
        listed = (await connected.get("/api/v1/users/me/tasks?limit=20")).json()

    assert len(listed) == min(rows, 20)
    assert len(queries) == 1


@pytest.mark.parametrize("operation", PROTECTED, ids=str)
async def test_a_refusal_by_the_token_alone_costs_no_statement(
    connected: Client, stranger: Client, anonymous: Client, operation: Operation, count_queries: CountQueries
) -> None:
    ids = await ids_of(connected, operation)

    with count_queries() as queries:
        nobody = await send(anonymous, operation, ids, sender=connected)
        garbled = await send(anonymous, operation, ids, sender=connected, headers={"Authorization": "Bearer x.y.z"})
    assert (nobody.status_code, garbled.status_code, queries) == (401, 401, [])

    if "user_id" in operation.parameters:
        with count_queries() as queries:
            reply = await send(stranger, operation, ids, sender=stranger, user_id=str(connected.user_id))
        assert (reply.status_code, queries) == (403, [])


@pytest.mark.parametrize("headers", [{}, {"If-Match": '"999999"'}], ids=["missing", "changed meanwhile"])
@pytest.mark.parametrize(
    "operation",
    [operation for operation in PROTECTED if operation.objects and operation.name not in UNVERSIONED],
    ids=str,
)
async def test_a_write_that_finds_nothing_to_do_costs_two_statements_at_most(
    connected: Client, stranger: Client, operation: Operation, headers: Mapping[str, str], count_queries: CountQueries
) -> None:
    ids = await ids_of(connected if headers else stranger, operation)

    with count_queries() as queries:
        reply = await send(connected, operation, ids, sender=connected, headers=headers)

    assert reply.status_code == (404 if not headers else 200 if operation.method == "GET" else 412)
    assert len(queries) <= 2
