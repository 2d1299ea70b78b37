"""What a test run stands on: one embedded PostgreSQL a run, one migrated database and one application a worker.

Tests need not clean up: each has users of its own, and users cannot see each other.
"""

pytest_plugins = [
    "tests.factories.profiles",
    "tests.factories.uncounted",
    "tests.factories.canaries",
    "tests.factories.databases",
    "tests.factories.server",
    "tests.factories.mailboxes",
    "tests.factories.applications",
    "tests.factories.servers",
    "tests.factories.clients",
    "tests.factories.queries",
    "tests.factories.redis",
    "tests.factories.better_auth",
    "tests.factories.hashes",
    "tests.factories.edges",
]
