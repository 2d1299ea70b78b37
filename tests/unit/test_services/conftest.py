"""Services on the real database, with no HTTP in between."""

import pytest
from fastapi import FastAPI

from backend.database.fast_lane import FastLane
from backend.database.session import Database
from backend.services.tasks import TaskService
from tests.factories.clients import Client


@pytest.fixture
def database(app: FastAPI) -> Database:
    """The application's own: both lanes, with their pools and gates."""
    database: Database = app.state.database
    return database


@pytest.fixture
def lane(database: Database) -> FastLane:
    return database.fast


@pytest.fixture
def tasks(lane: FastLane, owner: Client) -> TaskService:
    """The owner's tasks."""
    return TaskService(lane, owner.user_id)


@pytest.fixture
def strangers_tasks(lane: FastLane, stranger: Client) -> TaskService:
    """Somebody else's tasks."""
    return TaskService(lane, stranger.user_id)
