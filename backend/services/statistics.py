"""Statistics: how many tasks are how, what was done on which day, and for how many days in a row."""

from uuid import UUID

from sqlalchemy import Date, Integer, Text, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from backend.auth.principal import TokenInvalid
from backend.database.fast_lane import FastLane, Row, Statement
from backend.services.owned import OWNER

# Read once, from indexes that have all that is asked: nothing is counted twice by PostgreSQL, nor looked up. The last
# time that a recurring task is done completes it and is an occurrence as well: it is counted once.
STATISTICS = Statement(
    text("""
    WITH viewer AS (
        SELECT time_zone, today, instant_of(today, time_zone) AS begins, instant_of(today + 1, time_zone) AS ends
        FROM (SELECT time_zone, (now() AT TIME ZONE time_zone)::date AS today FROM users WHERE id = :owner) AS someone
    ),
    live AS MATERIALIZED (
        SELECT id, completed_at, overdue_at, due_date, time_zone AS zone FROM tasks
        WHERE user_id = :owner AND deleted_at IS NULL
    ),
    done AS MATERIALIZED (
        SELECT task_id, completed_at FROM task_occurrences WHERE user_id = :owner AND deleted_at IS NULL
    ),
    states AS (
        SELECT count(*) FILTER (WHERE completed_at IS NULL) AS open,
               count(*) FILTER (WHERE completed_at IS NOT NULL) AS completed,
               count(*) FILTER (WHERE completed_at IS NULL AND overdue_at <= now()) AS overdue,
               count(*) FILTER (
                   WHERE completed_at IS NULL AND CASE
                       WHEN zone IS NULL THEN due_date = today
                       ELSE overdue_at >= begins AND overdue_at < ends
                   END
               ) AS due_today
        FROM live, viewer
    ),
    trash AS (
        SELECT count(*) AS trashed FROM tasks WHERE user_id = :owner AND deleted_at IS NOT NULL
    ),
    completions AS (
        SELECT completed_at FROM live WHERE completed_at IS NOT NULL
        UNION ALL
        SELECT done.completed_at FROM done JOIN live ON live.id = done.task_id
        WHERE live.completed_at IS DISTINCT FROM done.completed_at
    ),
    days AS (
        SELECT (completed_at AT TIME ZONE time_zone)::date AS day, count(*) AS completed
        FROM completions, viewer GROUP BY day
    ),
    streaks AS (
        SELECT max(day) AS last, count(*) AS length
        FROM (SELECT day, day - row_number() OVER (ORDER BY day)::integer AS streak FROM days) AS numbered
        GROUP BY streak
    ),
    asked AS (
        SELECT json_agg(json_build_object('date', asked, 'completed', coalesce(days.completed, 0)) ORDER BY asked)
            AS completed_per_day
        FROM viewer, generate_series(0, :days - 1) AS ago, LATERAL (SELECT today - ago AS asked) AS one
        LEFT JOIN days ON day = asked
    )
    SELECT today, time_zone, open, states.completed, overdue, due_today, trashed, completed_per_day,
           coalesce((SELECT length FROM streaks WHERE last >= today - 1 ORDER BY last DESC LIMIT 1), 0)
               AS current_streak,
           coalesce((SELECT max(length) FROM streaks), 0) AS longest_streak
    FROM viewer, states, trash, asked
    """)
    .bindparams(OWNER, bindparam("days", type_=Integer()))
    .columns(today=Date, time_zone=Text, completed_per_day=JSONB)
)


class StatisticsService:
    """One owner's statistics."""

    def __init__(self, lane: FastLane, owner: UUID) -> None:
        self._lane = lane
        self._owner = owner

    async def get(self, days: int) -> Row:
        """How things stand, and what was completed on each of so many days up to today.

        What is in the trash counts as trashed alone. Raises `TokenInvalid` when the account has gone.
        """
        row = await self._lane.fetch_one(STATISTICS, {"owner": self._owner, "days": days})
        if row is None:
            raise TokenInvalid
        return row
