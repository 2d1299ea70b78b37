"""What a test tool cannot read from the document: values that only the service gives out, and rules beyond a schema."""

from datetime import UTC
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.transport import Response
from schemathesis.openapi.checks import RejectedPositiveData

from backend.domain.pagination import Position, encode_cursor
from tests.integration.test_api.contract import OPERATIONS, violations

# What takes the password once more. Wrong ones would keep the tool from signing in, and the right one from going on.
WITH_PASSWORD = ("DELETE /api/v1/users/me", "POST /api/v1/auth/password/change", "POST /api/v1/auth/email/change")
# What takes something that the tool never has: a token that was mailed, the id of what is in the trash or of a feed, an
# address, another label, an occurrence that was completed.
OUT_OF_REACH = (
    "POST /api/v1/auth/email/verify",
    "POST /api/v1/auth/password/reset",
    "DELETE /api/v1/users/{user_id}/feeds/{feed_id}",
    "GET /feeds/{secret}.ics",
    "POST /api/v1/users/{user_id}/labels/{label_id}/merge",
    "DELETE /api/v1/users/{user_id}/trash/{trashed_id}",
    "POST /api/v1/users/{user_id}/trash/{trashed_id}/restore",
    "POST /api/v1/users/{user_id}/tasks/{recurring_task_id}/skip",
    "POST /api/v1/users/{user_id}/tasks/{recurring_task_id}/undo",
)

BROKEN = ("malformed_calendar", "malformed_csv", "malformed_json", "malformed_zip", "nothing_found", "unknown_columns")

BEYOND_A_SCHEMA = {
    ("token", "link_invalid"),  # only those are good that were mailed
    ("cursor", "invalid_cursor"),  # opaque: only those are good that we gave out
    ("password", "common_password"),  # thousands of words
    ("email", "value_error"),  # well-formed, but no mail gets there: at `localhost`, say
    ("due_date", "date_range"),  # the two days that the database keeps as infinity
    ("time_zone", "unknown_time_zone"),  # one of some 600 names, which come and go
    ("time_zone", "due_time_required"),  # a field that needs another
    ("due_time", "due_date_required"),
    ("recurrence", "due_date_required"),
    ("recurrence.rule", "invalid_rule"),  # a language of its own
    ("query", "invalid_filter"),
    ("filter", "invalid_filter"),
    ("text", "string_too_long"),  # a sentence may be longer than the title in it
    ("text", "string_too_short"),
    ("text", "project_not_found"),
    ("into", "same_label"),
    ("project_id", "not_of_parent"),
    # What the file should be is said beside it, in the query.
    *(("file", code) for code in BROKEN),
    # What is named must be there.
    *((field, "not_found") for field in ("project_id", "parent_id", "filter_id", "into", "after", "before")),
    # More than 30 combining characters in a row, which a pattern cannot count.
    *((field, "combining_marks") for field in ("title", "description", "name", "email", "password", "username")),
}
"""Fields and codes: the reasons for which we may refuse what keeps the schema."""

CURSORS = st.builds(Position, st.datetimes(timezones=st.just(UTC)), st.uuids()).map(encode_cursor)

# The tool would send hardly anything but refused requests: any text for a cursor, and for If-Match, whose pattern
# its coverage phase cannot follow, a number.
FORMATS = {
    "cursor": CURSORS | CURSORS | CURSORS | st.text(max_size=200),
    "If-Match": st.sampled_from(["*", '"1"', 'W/"1"', '"1", "2"', '"no number"']),
}

for _name, _values in FORMATS.items():
    schemathesis.openapi.format(_name, _values)


@schemathesis.hook
def before_load_schema(_: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Give those parameters their formats, in the tool's copy of the document."""
    for methods in raw_schema["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] in FORMATS:
                    parameter["schema"]["format"] = parameter["name"]


@schemathesis.hook
def filter_failure(
    _: schemathesis.HookContext, failure: Failure, case: schemathesis.Case[Any], response: Response
) -> bool:
    """Whether a failed check is a fault: not when we refuse for one of those reasons, and for nothing else.

    Nor when we take what is too long for the white space around it alone, which is not counted; nor when we refuse a
    form with parts that nobody asked for.
    """
    if isinstance(failure, AcceptedNegativeData):
        return not _keeps_the_schema_once_trimmed(case)
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 400:
        return True
    reasons = {(error["field"], error["code"]) for error in response.json()["errors"]}
    allowed = BEYOND_A_SCHEMA | ({("body", "malformed_request")} if case.path.endswith("/import") else set())
    return not (reasons and reasons <= allowed)


def _keeps_the_schema_once_trimmed(case: schemathesis.Case[Any]) -> bool:
    if (label := (case.query or {}).get("label")) and label != label.strip():
        return True
    if not isinstance(case.body, dict):
        return False
    trimmed = {name: _trimmed(value) for name, value in case.body.items()}
    declared = [
        operation.body[1]
        for operation in OPERATIONS
        if (operation.method, operation.path) == (case.method, case.path) and operation.body is not None
    ]
    return trimmed != case.body and [violations(schema, trimmed) for schema in declared] == [[]]


def _trimmed(value: Any) -> Any:
    if isinstance(value, list):
        return [_trimmed(item) for item in value]
    return value.strip() if isinstance(value, str) else value
