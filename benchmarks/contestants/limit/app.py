"""Bare ASGI + asyncpg: the limit of what Python can do on this work, on Donewell's own schema.

    python -m uvicorn app:app --host $HOST --port $PORT --loop uvloop --http httptools --no-access-log

uvicorn reads WEB_CONCURRENCY itself; the application reads DATABASE_URL and JWT_SECRET, and writes the access log.
"""

import asyncio
import gc
import os
import sys
import time
import traceback

import asyncpg
import msgspec
import statements
from asyncpg.pgproto.pgproto import UUID
from uuid6 import uuid7
from wire import (
    Refused,
    cursor_at,
    decode_changes,
    decode_completion,
    decode_create,
    expected_versions,
    parsed,
    verified,
)

TASKS = "/api/v1/users/me/tasks"
BEFORE_ID = len(TASKS) + 1
CONNECTIONS = 5
GENERIC_PLANS = {"plan_cache_mode": "force_generic_plan"}
LARGEST_BODY = 1024 * 1024
JSON = (b"content-type", b"application/json")
encode = msgspec.json.Encoder().encode
lines = []


class Database:
    """Five connections; the semaphore serves those who wait in the order they came.

    Not asyncpg's pool, which replaces lost connections and costs 5 to 25 µs for each statement.
    """

    async def open(self):
        self.places = asyncio.Semaphore(CONNECTIONS)
        self.free = [
            await asyncpg.connect(os.environ["DATABASE_URL"], server_settings=GENERIC_PLANS) for _ in range(CONNECTIONS)
        ]

    async def close(self):
        for connection in self.free:
            await connection.close()

    async def fetch(self, sql, *arguments):
        async with self.places:
            connection = self.free.pop()
            try:
                return await connection.fetch(sql, *arguments)
            finally:
                self.free.append(connection)

    async def fetch_one(self, sql, *arguments):
        rows = await self.fetch(sql, *arguments)
        return rows[0] if rows else None


database = Database()


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    started = time.perf_counter()
    try:
        status, headers, body = await answer(scope, receive)
    except Refused as refusal:
        status, headers, body = refused(refusal)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        status, headers, body = refused(Refused(400, str(error)))
    except Exception:
        traceback.print_exc()
        status, headers, body = refused(Refused(500, "Internal server error"))
    headers = [JSON, (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    log(f"{scope['method']} {scope['path']} {status} {(time.perf_counter() - started) * 1000:.2f} ms\n")


async def answer(scope, receive):
    path = scope["path"]
    if path == "/health/live":
        return 200, [], b'{"status":"ok"}'
    if not path.startswith(TASKS):
        raise Refused(404, "Not found")
    headers = dict(scope["headers"])
    user_id, expires_at = verified(headers.get(b"authorization", b""))
    if expires_at <= time.time():
        raise Refused(401, "The token has expired")
    method = scope["method"]
    if len(path) < BEFORE_ID:
        if method == "GET":
            return await list_tasks(user_id, scope["query_string"])
        if method == "POST":
            return await create_task(user_id, decode_create(await read(receive)))
        raise Refused(405, "Method not allowed")
    task_id, _, rest = path[BEFORE_ID:].partition("/")
    if path[BEFORE_ID - 1] != "/" or rest not in ("", "complete"):
        raise Refused(404, "Not found")
    task_id = identifier(task_id)
    if method == "PATCH":
        body = await read(receive)
        changes = completion(body) if rest else msgspec.structs.asdict(decode_changes(body))
        return await change_task(user_id, task_id, changes, expected_versions(headers.get(b"if-match")))
    if method == "GET" and not rest:
        return one(await existing(user_id, task_id))
    raise Refused(405, "Method not allowed")


async def list_tasks(user_id, query_string):
    query = parsed(query_string)
    filters = () if query.completed is None else (query.completed,)
    sql = statements.page(filtered=bool(filters), resumed=query.after is not None)
    rows = await database.fetch(sql, user_id, query.limit + 1, *filters, *(query.after or ()))
    headers = []
    if len(rows) > query.limit:
        del rows[query.limit :]
        following = query.following(cursor_at(rows[-1]["created_at"], rows[-1]["id"]))
        headers.append((b"link", f'<{TASKS}?{following}>; rel="next"'.encode()))
    return 200, headers, encode([dict(row) for row in rows])


async def create_task(user_id, task):
    row = await database.fetch_one(
        statements.INSERT, user_id, uuid7(), task.title, task.description, task.priority, task.due_date
    )
    if row is None:
        raise Refused(401, "There is no such account")
    status, headers, body = one(row, 201)
    return status, [*headers, (b"location", f"{TASKS}/{row['id']}".encode())], body


async def change_task(user_id, task_id, changes, expected):
    sent = {name: value for name, value in changes.items() if value is not msgspec.UNSET}
    row = None
    if sent:
        sql = statements.change(tuple(sent))
        row = await database.fetch_one(sql, user_id, task_id, expected, *sent.values())
    if row is None:
        row = await existing(user_id, task_id)
        if expected is not None and row["version"] not in expected:
            raise Refused(412, "The task has changed")
    return one(row)


async def existing(user_id, task_id):
    row = await database.fetch_one(statements.GET, user_id, task_id)
    if row is None:
        raise Refused(404, "There is no such task")
    return row


def one(row, status=200):
    return status, [(b"etag", b'"%d"' % row["version"])], encode(dict(row))


def refused(refusal):
    headers = [(b"www-authenticate", b"Bearer")] if refusal.status == 401 else []
    return refusal.status, headers, encode({"detail": refusal.detail})


def identifier(text):
    try:
        return UUID(text)
    except ValueError as error:
        raise Refused(404, "There is no such task") from error


def completion(body):
    return {"completed": decode_completion(body).completed if body else True}


async def read(receive):
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST_BODY:
            raise Refused(413, "The body is larger than 1 MiB")
    return body


def log(line):
    """Lines are written together, at most a tenth of a second late."""
    if not lines:
        asyncio.get_running_loop().call_later(0.1, flush)
    lines.append(line)


def flush():
    sys.stdout.write("".join(lines))
    sys.stdout.flush()
    lines.clear()


async def lifespan(receive, send):
    await receive()
    await database.open()
    gc.freeze()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await database.close()
    flush()
    await send({"type": "lifespan.shutdown.complete"})
