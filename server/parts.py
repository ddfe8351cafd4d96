"""The composition root: everything is built here, once a process, and handed in."""

import asyncio
import importlib.metadata
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient
from redis.asyncio import BlockingConnectionPool, Redis

from casework.account.service import Account
from casework.account.store import AccountStore
from casework.audit.service import Sealer
from casework.audit.store import AuditStore
from casework.clock import Clock
from casework.commands.service import Commands
from casework.commands.store import CommandStore
from casework.fields import BlindIndex, FieldCipher
from casework.intake.service import Intakes
from casework.intake.store import IntakeStore
from casework.notices.service import Notices, Postman
from casework.notices.store import NoticeStore
from casework.photos.service import Photos
from casework.photos.store import PhotoStore
from casework.regions.service import Regions
from casework.regions.store import RegionStore
from casework.staff.service import StaffService
from casework.staff.store import StaffStore
from casework.tables.service import Tables
from casework.tables.store import TableStore
from casework.tasks.service import Tasks
from casework.tasks.store import TaskStore
from casework.unit import Unit
from handlers.services import Services
from server.carrier import Carrier
from server.checkpoints import Checkpoints
from server.clock import clock_for
from server.metrics import Metrics
from server.sessions import RedisSeen, RedisSessions
from server.settings import Settings
from server.wake import Waker
from wechat.client import WeChatApi
from wechat.codec import Codec
from wechat.http import HttpPool
from wechat.tokens import Tokens

OLDEST_CLIENT = (0, 1, 0)
MONGO_POOL = 64
REDIS_POOL = 64
DATABASE_WAIT_MS = 5000
PICTURE_THREADS = 2


@dataclass(frozen=True)
class Stores:
    """Every store, by capability."""

    account: AccountStore
    audit: AuditStore
    commands: CommandStore
    intakes: IntakeStore
    notices: NoticeStore
    photos: PhotoStore
    regions: RegionStore
    staff: StaffStore
    tables: TableStore
    tasks: TaskStore

    async def prepare(self) -> None:
        """Create every index; doing so again changes nothing."""
        for store in vars(self).values():
            if hasattr(store, "prepare"):
                await store.prepare()


@dataclass(frozen=True)
class Parts:
    """What a process works with."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    mongo: AsyncIOMotorClient[Any]
    redis: "Redis"
    stores: Stores
    unit: Unit
    cipher: FieldCipher
    services: Services
    postman: Postman
    sealer: Sealer
    checkpoints: Checkpoints
    oa: WeChatApi
    waker: Waker


def version() -> str:
    """The installed version."""
    try:
        return importlib.metadata.version("fangpin")
    except importlib.metadata.PackageNotFoundError:
        return "0.0.0"


def redis_client(url: str) -> "Redis":
    """A client that waits for a free connection instead of failing when all are busy."""
    pool = BlockingConnectionPool.from_url(
        url, max_connections=REDIS_POOL, timeout=5, socket_timeout=5, socket_connect_timeout=3
    )
    return Redis(connection_pool=pool)


def mongo_client(uri: str) -> AsyncIOMotorClient[Any]:
    """A client whose times are aware of UTC and whose waits end."""
    return AsyncIOMotorClient(
        uri,
        tz_aware=True,
        maxPoolSize=MONGO_POOL,
        serverSelectionTimeoutMS=DATABASE_WAIT_MS,
        connectTimeoutMS=DATABASE_WAIT_MS,
        waitQueueTimeoutMS=DATABASE_WAIT_MS,
        uuidRepresentation="standard",
    )


@asynccontextmanager
async def parts_for(settings: Settings, metrics: Metrics | None = None) -> AsyncIterator[Parts]:
    """Build a process's parts, and close them at the end.

    Raises `SettingsError` for what is missing. Nothing connects here: parts connect when first used.
    """
    settings.need("mongodb_uri", "redis_url", "field_keys_text", "index_keys_text", "secret_key", "oa_app_id")
    clock = clock_for(settings)
    metrics = metrics or Metrics()
    mongo = mongo_client(settings.mongodb_uri.get_secret_value())
    redis = redis_client(settings.redis_url.get_secret_value())
    http = HttpPool()
    executor = ThreadPoolExecutor(PICTURE_THREADS, "pictures")
    # Where blocking calls of the database driver wait; see `casework.unit.hop`.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(MONGO_POOL, "database"))
    try:
        yield _build(settings, clock, metrics, mongo, redis, http, executor)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        await http.close()
        await redis.aclose()
        await redis.connection_pool.disconnect()
        mongo.close()


def _build(
    settings: Settings,
    clock: Clock,
    metrics: Metrics,
    mongo: AsyncIOMotorClient[Any],
    redis: "Redis",
    http: HttpPool,
    executor: ThreadPoolExecutor,
) -> Parts:
    database = mongo[settings.mongodb_database]
    stores = Stores(
        account=AccountStore(database),
        audit=AuditStore(database),
        commands=CommandStore(database),
        intakes=IntakeStore(database),
        notices=NoticeStore(database),
        photos=PhotoStore(database),
        regions=RegionStore(database),
        staff=StaffStore(database),
        tables=TableStore(database),
        tasks=TaskStore(database),
    )
    unit = Unit(mongo)
    cipher, index = FieldCipher(settings.field_keys), BlindIndex(settings.index_keys)
    commands = Commands(stores.commands, unit, index, clock)
    regions = Regions(stores.regions, clock)
    tables = Tables(stores.tables, clock)
    staff = StaffService(stores.staff, regions, stores.audit, commands, unit, index, clock)
    account = Account(stores.account, staff, cipher, clock, settings.oa_app_id)
    notices = Notices(stores.notices, account, staff, unit, clock)
    photos = Photos(stores.photos, cipher, clock, executor)
    tasks = Tasks(stores.tasks, staff, tables, notices, stores.audit, unit, clock)
    intakes = Intakes(
        stores.intakes,
        tasks,
        notices,
        photos,
        staff,
        regions,
        tables,
        stores.audit,
        commands,
        unit,
        cipher,
        index,
        clock,
    )

    def api(app_id: str, secret: str) -> WeChatApi:
        base = settings.wechat_api_base
        tokens = Tokens(redis, http, app_id, secret, base, clock.time)
        return WeChatApi(app_id, secret, tokens, http, base, observe=metrics.wechat_call)

    oa = api(settings.oa_app_id, settings.oa_secret.get_secret_value())
    mini_program = api(settings.mp_app_id, settings.mp_secret.get_secret_value())
    waker = Waker(redis)
    safe_mode = bool(settings.oa_aes_key.get_secret_value())

    async def database_answers() -> None:
        await database.command("ping")

    async def redis_answers() -> None:
        await redis.ping()

    services = Services(
        account=account,
        commands=commands,
        intakes=intakes,
        notices=notices,
        photos=photos,
        regions=regions,
        staff=staff,
        tables=tables,
        tasks=tasks,
        clock=clock,
        sessions=RedisSessions(redis, clock),
        seen=RedisSeen(redis),
        watch=metrics,
        codec=Codec(
            settings.oa_app_id,
            settings.oa_token.get_secret_value(),
            settings.oa_aes_key.get_secret_value() or None,
            settings.oa_aes_key_previous.get_secret_value() or None,
            now=clock.time,
            # In production an account with a key takes encrypted bodies only: in plain mode the
            # signature does not cover the body. The demo lets both be tried.
            allow_plain=not (safe_mode and settings.mode.value == "production"),
        ),
        code_to_session=mini_program.code_to_session,
        mp_app_id=settings.mp_app_id,
        wake=waker.wake,
        health={"mongodb": database_answers, "redis": redis_answers},
        oldest_client=OLDEST_CLIENT,
        version=version(),
    )
    checkpoints = Checkpoints(
        settings.data_dir / "audit" / "checkpoints.jsonl", settings.secret_key.get_secret_value()
    )
    carrier = Carrier(oa, account, settings.public_url)
    postman = Postman(stores.notices, notices, account, staff, unit, clock, carrier.carry, metrics.push)
    return Parts(
        settings=settings,
        clock=clock,
        metrics=metrics,
        mongo=mongo,
        redis=redis,
        stores=stores,
        unit=unit,
        cipher=cipher,
        services=services,
        postman=postman,
        sealer=Sealer(stores.audit, clock, checkpoints.write),
        checkpoints=checkpoints,
        oa=oa,
        waker=waker,
    )
