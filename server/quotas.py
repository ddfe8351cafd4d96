"""How many messages each account may still send today: counted in Redis, remembered in MongoDB.

All processes count together in Redis, so that it knows the number at any moment. The number is written to
MongoDB every second; when Redis has lost it, the count goes on from there, with an allowance for what may
have been sent since.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

import structlog
from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import UpdateOne
from redis.exceptions import RedisError

from casework.clock import CHINA, Clock, legal_date
from server.pipelines import Pipelines

DAY_SECONDS = 86_400
#: Counters outlive their day a little, for whoever looks them up.
KEEP_SECONDS = 2 * DAY_SECONDS
#: What may have been sent between the last writing down and the loss of Redis.
ALLOWANCE = 1_000


class Quotas:
    """Counts messages by account, channel and day; see `casework.notices.service.Quotas`.

    `limits` gives the messages a day by channel; a channel that it does not name, or names with None, is
    not counted.
    """

    def __init__(
        self,
        pipelines: Pipelines,
        database: AsyncIOMotorDatabase[Any],
        clock: Clock,
        limits: Mapping[str, int | None],
        allowance: int = ALLOWANCE,
    ) -> None:
        self._pipelines = pipelines
        self._kept = database["quotas"]
        self._clock = clock
        self._limits = limits
        self._allowance = allowance
        self._spent_until: dict[tuple[str, str], datetime] = {}
        self._unwritten: dict[str, int] = {}
        self.used: dict[tuple[str, str], int] = {}
        """How many messages were counted today, by (account, channel), when this process last looked."""

    async def take(self, app_id: str, channel: str) -> datetime | None:
        """Count one message; None, or when there is room again if there is none now.

        Without Redis nothing is counted and nothing held back: help matters more, and the platform counts
        for itself.
        """
        limit = self._limits.get(channel)
        if limit is None:
            return None
        now = self._clock.now()
        spent_until = self._spent_until.get((app_id, channel))
        if spent_until and now < spent_until:
            return spent_until
        # The platform's days are China's.
        today = legal_date(now)
        key = f"quota:{app_id}:{channel}:{today}"
        try:
            count = int(await self._pipelines.ask(("INCR", key)))
            if count == 1:
                count = await self._restore(key)
        except RedisError as error:
            structlog.get_logger().warning("messages are not counted", kind=type(error).__name__)
            return None
        self._unwritten[key] = max(count, self._unwritten.get(key, 0))
        self.used[app_id, channel] = count
        if count <= limit:
            return None
        midnight = datetime.combine(today + timedelta(days=1), time.min, CHINA).astimezone(UTC)
        self._spent_until[app_id, channel] = midnight
        return midnight

    async def _restore(self, key: str) -> int:
        """Begin a counter where the last one was written down."""
        await self._pipelines.ask(("EXPIRE", key, KEEP_SECONDS))
        kept = await self._kept.find_one({"_id": key})
        if kept is None:
            return 1
        return int(await self._pipelines.ask(("INCRBY", key, kept["count"] + self._allowance)))

    async def write_down(self) -> None:
        """Write the counters to MongoDB."""
        counts, self._unwritten = self._unwritten, {}
        if counts:
            at = self._clock.now()
            await self._kept.bulk_write(
                [
                    UpdateOne({"_id": key}, {"$max": {"count": count}, "$set": {"at": at}}, upsert=True)
                    for key, count in counts.items()
                ],
                ordered=False,
            )
