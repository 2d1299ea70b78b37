"""Turns: one for a user, so many in all, and given back once."""

from uuid import uuid4

import pytest

from backend.domain.errors import Overloaded
from backend.services.feed_readings import FeedInProgress
from backend.services.turns import RETRY, Turns


def test_a_user_has_one_at_a_time_and_there_are_so_many_in_all() -> None:
    turns = Turns(FeedInProgress, most=2)
    ada, bob, eve = uuid4(), uuid4(), uuid4()
    first = turns.take(ada)
    with turns.take(bob):
        with pytest.raises(FeedInProgress) as refused:
            turns.take(ada)
        assert refused.value.retry_after == RETRY
        with pytest.raises(Overloaded):
            turns.take(eve)

    turns.take(eve)
    first.close()
    turns.take(ada)
    # It has been given back, and this is another's.
    first.close()
    with pytest.raises(FeedInProgress):
        turns.take(ada)
