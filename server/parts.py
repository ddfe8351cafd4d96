"""The composition root: everything is built here, once a process, and handed in."""

import asyncio
import importlib.metadata
import os
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from socket import gethostname
from typing import Any, NoReturn

from motor.motor_asyncio import AsyncIOMotorClient
from redis.asyncio import BlockingConnectionPool, Redis

from casework.account.model import App, AppKind
from casework.account.phones import VerifiedPhones
from casework.account.service import Account
from casework.account.store import AccountStore
from casework.audit.service import Sealer
from casework.audit.store import AuditStore
from casework.clock import Clock
from casework.commands.service import Commands
from casework.commands.store import CommandStore
from casework.fields import BlindIndex, FieldCipher
from casework.held.service import Held
from casework.ids import new_id
from casework.intake.service import Intakes
from casework.intake.store import IntakeStore
from casework.notices.service import Carry, Notices, Postman
from casework.notices.store import NoticeStore
from casework.photos.service import Photos
from casework.photos.store import PhotoStore
from casework.recordings.service import Recordings
from casework.recordings.store import RecordingStore
from casework.regions.service import Regions
from casework.regions.store import RegionStore
from casework.staff.service import StaffService
from casework.staff.store import StaffStore
from casework.tables.service import Tables
from casework.tables.store import TableStore
from casework.tasks.service import Tasks
from casework.tasks.store import TaskStore
from casework.unit import HOP_THREADS, Unit
from casework.uploads.service import Uploads
from casework.uploads.store import UploadStore
from handlers.services import Services
from server.carrier import Carrier
from server.checkpoints import Checkpoints
from server.clock import clock_for
from server.metrics import Metrics
from server.pages import OfficialPages
from server.pipelines import pipelines
from server.quotas import Quotas
from server.sessions import RedisSeen, RedisSessions
from server.settings import AccountSettings, Mode, Settings
from server.wake import Waker
from wechat.channels import CHANNELS
from wechat.client import WeChatApi
from wechat.codec import Codec, Codecs
from wechat.errors import WeChatError
from wechat.http import HttpPool
from wechat.paths import CODE_TO_SESSION
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
    recordings: RecordingStore
    regions: RegionStore
    staff: StaffStore
    tables: TableStore
    tasks: TaskStore
    uploads: UploadStore

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
    index: BlindIndex
    services: Services
    carry: Carry
    quotas: Quotas
    postman: Postman
    sealer: Sealer
    checkpoints: Checkpoints
    apis: Mapping[str, WeChatApi]
    """Each account's API, by app id."""
    waker: Waker

    @property
    def oa(self) -> WeChatApi:
        """The main official account's API."""
        return self.apis[self.settings.oa_app_id]


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
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(HOP_THREADS, "database"))
    try:
        yield _build(settings, clock, metrics, mongo, redis, http, executor)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        await http.close()
        await redis.aclose()
        await redis.connection_pool.disconnect()
        mongo.close()


def _codec(account: AccountSettings, settings: Settings, clock: Clock) -> Codec:
    return Codec(
        account.app_id,
        account.token,
        account.aes_key or None,
        account.aes_key_previous or None,
        now=clock.time,
        # In production an account with a key takes encrypted bodies only: in plain mode the signature does
        # not cover the body. The demo lets both be tried.
        allow_plain=not (account.aes_key and settings.mode is Mode.PRODUCTION),
        username=account.username or None,
    )


async def _no_mini_program(_code: str) -> NoReturn:
    raise WeChatError(40013, "no mini program is set", CODE_TO_SESSION.path)


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
        recordings=RecordingStore(database),
        regions=RegionStore(database),
        staff=StaffStore(database),
        tables=TableStore(database),
        tasks=TaskStore(database),
        uploads=UploadStore(database),
    )
    unit = Unit(mongo)
    pipes = pipelines(redis)
    cipher, index = FieldCipher(settings.field_keys), BlindIndex(settings.index_keys)
    commands = Commands(stores.commands, unit, index, clock)
    regions = Regions(stores.regions, clock)
    tables = Tables(stores.tables, clock)
    staff = StaffService(stores.staff, regions, stores.audit, commands, unit, index, clock)
    apps = [App(one.app_id, AppKind(one.kind), one.areas) for one in settings.accounts]
    account = Account(stores.account, staff, regions, stores.audit, unit, cipher, clock, apps)
    notices = Notices(stores.notices, account, staff, unit, clock)
    uploads = Uploads(stores.uploads, cipher, clock)
    photos = Photos(stores.photos, uploads, cipher, clock, executor)
    recordings = Recordings(stores.recordings, uploads, cipher, clock)
    tasks = Tasks(stores.tasks, staff, tables, notices, stores.audit, unit, clock)
    intakes = Intakes(
        stores.intakes,
        tasks,
        notices,
        photos,
        recordings,
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

    phones = VerifiedPhones(stores.account, staff, stores.audit, unit, cipher, index, clock, intakes.owns_any)
    held = Held(account, phones, staff, intakes, notices, tables, clock)

    base = settings.wechat_api_base
    apis = {
        one.app_id: WeChatApi(
            one.app_id,
            one.secret,
            Tokens(redis, http, one.app_id, one.secret, base, clock.time),
            http,
            base,
            observe=metrics.wechat_call,
        )
        for one in settings.accounts
    }
    mini_program = apis.get(settings.mp_app_id)
    waker = Waker(pipes)

    async def database_answers() -> None:
        await database.command("ping")

    async def redis_answers() -> None:
        await redis.ping()

    services = Services(
        account=account,
        commands=commands,
        held=held,
        intakes=intakes,
        notices=notices,
        phones=phones,
        photos=photos,
        recordings=recordings,
        regions=regions,
        staff=staff,
        tables=tables,
        tasks=tasks,
        clock=clock,
        sessions=RedisSessions(redis, pipes, clock),
        seen=RedisSeen(pipes),
        watch=metrics,
        codecs=Codecs(_codec(one, settings, clock) for one in settings.accounts if one.token),
        pages={
            one.app_id: OfficialPages(redis, apis[one.app_id], clock, settings.wechat_open_base)
            for one in settings.accounts
            if one.kind == "oa"
        },
        public_url=settings.public_url,
        domain_proof=settings.oa_domain_proof,
        code_to_session=mini_program.code_to_session if mini_program else _no_mini_program,
        phone_number=mini_program.phone_number if mini_program else _no_mini_program,
        mp_app_id=settings.mp_app_id,
        wake=waker.wake,
        health={"mongodb": database_answers, "redis": redis_answers},
        oldest_client=OLDEST_CLIENT,
        version=version(),
    )
    checkpoints = Checkpoints(
        settings.data_dir / "audit" / "checkpoints.jsonl", settings.secret_key.get_secret_value()
    )
    carrier = Carrier(apis, account, settings.public_url)
    quotas = Quotas(pipes, database, clock, {name: channel.daily for name, channel in CHANNELS.items()})
    postman = Postman(
        stores.notices, notices, account, staff, unit, clock, carrier.carry, quotas, metrics.push
    )
    return Parts(
        settings=settings,
        clock=clock,
        metrics=metrics,
        mongo=mongo,
        redis=redis,
        stores=stores,
        unit=unit,
        cipher=cipher,
        index=index,
        services=services,
        carry=carrier.carry,
        quotas=quotas,
        postman=postman,
        sealer=Sealer(stores.audit, clock, checkpoints.write, f"{gethostname()}:{os.getpid()}:{new_id()}"),
        checkpoints=checkpoints,
        apis=apis,
        waker=waker,
    )
