"""Settings: read once from the environment, typed, and frozen.

Nothing else in the program reads the environment, and there is no settings file: what a process was
started with can be seen in one place, and `fangpin settings` prints it with the secrets masked.
"""

import base64
import binascii
import os
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from server import CannotRun
from server.proxies import parse_proxies

PREFIX = "FANGPIN_"

_KEY_BYTES = 32
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_AES_KEY = re.compile(r"[A-Za-z0-9+/]{43}")
_TOKEN = re.compile(r"[A-Za-z0-9]{3,32}")
_APP_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_URL_PASSWORD = re.compile(r"(?<=//)([^@/]*)@")


class AccountSettings(BaseModel):
    """One account on the platform: an official account (``oa``) or a mini program (``mp``).

    `token` and `aes_key` sign and encrypt its callbacks; without a token it gets none. `username` is its
    original id (``gh_…``). `areas` are division codes of the places that it speaks for first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Literal["oa", "mp"] = "oa"
    app_id: Annotated[str, Field(pattern=rf"^{_APP_ID.pattern}$")]
    secret: Annotated[str, Field(min_length=1, repr=False)]
    token: Annotated[str, Field(pattern=rf"^({_TOKEN.pattern})?$", repr=False)] = ""
    aes_key: Annotated[str, Field(pattern=rf"^({_AES_KEY.pattern})?$", repr=False)] = ""
    aes_key_previous: Annotated[str, Field(pattern=rf"^({_AES_KEY.pattern})?$", repr=False)] = ""
    username: str = ""
    areas: tuple[str, ...] = ()


_Accounts = TypeAdapter(tuple[AccountSettings, ...])


def parse_accounts(text: str) -> tuple[AccountSettings, ...]:
    """Read the further accounts: a JSON list of `AccountSettings`; an empty text is none.

    Raises:
        ValueError: the text is not such a list; the message never holds a part of it.
    """
    try:
        accounts = _Accounts.validate_json(text or "[]")
    except ValidationError:
        raise ValueError("not a list of accounts") from None
    if len({account.app_id for account in accounts}) < len(accounts):
        raise ValueError("an account appears twice")
    return accounts


class Mode(StrEnum):
    """What kind of installation this is; everything but production may be simulated."""

    PRODUCTION = "production"
    DEMO = "demo"
    TEST = "test"


class LogLevel(StrEnum):
    """The least severe log entry that is written."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class SettingsError(CannotRun):
    """Settings are missing or malformed.

    The text names every one of them with what to set, in Chinese and English, and never a value.
    `problems` maps the environment variable's name to its sentence.
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        head = "以下环境变量缺失或有误，请设置后再启动。Set these environment variables, then start again:"
        super().__init__("\n".join([head, *(f"  {name}: {text}" for name, text in self.problems.items())]))


def parse_keys(text: str) -> dict[str, bytes]:
    """Read a key ring.

    Args:
        text: `kid:base64key,kid2:base64key2`, the current key first; standard or URL-safe base64 of 32
            bytes each. An empty text is an empty ring.

    Returns:
        The keys by id, in the order given.

    Raises:
        ValueError: the text is not such a list; the message never holds a part of it.
    """
    keys: dict[str, bytes] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        kid, colon, encoded = entry.partition(":")
        if not colon or not _KEY_ID.fullmatch(kid):
            raise ValueError("every entry must be kid:base64key")
        if kid in keys:
            raise ValueError("a key id appears twice")
        keys[kid] = parse_key(encoded)
    return keys


def parse_key(text: str) -> bytes:
    """Read a key of 32 bytes in standard or URL-safe base64.

    Raises:
        ValueError: the text is no such key; the message never holds a part of it.
    """
    try:
        padded = text.replace("-", "+").replace("_", "/").rstrip("=")
        key = base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a key is not base64") from None
    if len(key) != _KEY_BYTES:
        raise ValueError("a key is not 32 bytes long")
    return key


def _checked(accept: Callable[[str], object]) -> AfterValidator:
    """Make a check of a secret's text; an empty text stands for "not set" and always passes."""

    def check(secret: SecretStr) -> SecretStr:
        text = secret.get_secret_value()
        if text and not accept(text):
            raise ValueError("malformed")
        return secret

    return AfterValidator(check)


def _is_key_ring(text: str) -> bool:
    parse_keys(text)
    return True


def _is_web_url(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query


def _web_url(text: str) -> str:
    if text and not _is_web_url(text):
        raise ValueError("not an http(s) address")
    return text.rstrip("/")


def _app_id(text: str) -> str:
    if text and not _APP_ID.fullmatch(text):
        raise ValueError("not an app id")
    return text


def _proxies(text: str) -> str:
    parse_proxies(text)
    return text


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


_Port = Annotated[int, Field(ge=1, le=65535)]
_WebUrl = Annotated[str, AfterValidator(_web_url)]
_AppId = Annotated[str, AfterValidator(_app_id)]
_KeyRing = Annotated[SecretStr, _checked(_is_key_ring)]
_Key = Annotated[SecretStr, _checked(parse_key)]
_AesKey = Annotated[SecretStr, _checked(_AES_KEY.fullmatch)]
_AccountList = Annotated[SecretStr, _checked(lambda text: parse_accounts(text) is not None)]
_NO_SECRET = SecretStr("")


def _default_address(data: dict[str, Any]) -> str:
    # Only production is meant to be reached from other machines without somebody asking for it.
    return "0.0.0.0" if data.get("mode", Mode.PRODUCTION) is Mode.PRODUCTION else "127.0.0.1"  # noqa: S104


def _default_metrics_port(data: dict[str, Any]) -> int:
    port: int = data.get("port", 8000)
    return port + 1 if port < 65535 else port - 1


def _default_public_url(data: dict[str, Any]) -> str:
    if data.get("mode", Mode.PRODUCTION) is Mode.PRODUCTION:
        return ""
    return f"http://127.0.0.1:{data.get('port', 8000)}"


class Settings(BaseSettings):
    """Everything that differs between installations.

    An unset text is empty, so that callers need no `None` checks; `load_settings` has already refused
    to start where production needs it, and `need` refuses for a command that needs more.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        validate_default=False,
        hide_input_in_errors=True,
    )

    mode: Annotated[Mode, BeforeValidator(_lower)] = Mode.PRODUCTION
    port: _Port = 8000
    address: str = Field(default_factory=_default_address)
    metrics_port: _Port = Field(default_factory=_default_metrics_port)
    metrics_address: str = "127.0.0.1"
    simulator_port: _Port = 8100
    trusted_proxies: Annotated[str, AfterValidator(_proxies)] = ""
    public_url: _WebUrl = Field(default_factory=_default_public_url)
    data_dir: Annotated[Path, AfterValidator(_absolute)] = Field(
        default_factory=lambda: Path("var").absolute()
    )
    log_level: Annotated[LogLevel, BeforeValidator(_upper)] = LogLevel.INFO

    mongodb_uri: Annotated[SecretStr, _checked(re.compile(r"mongodb(\+srv)?://.+").fullmatch)] = _NO_SECRET
    mongodb_database: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,38}$")] = "fangpin"
    redis_url: Annotated[SecretStr, _checked(re.compile(r"(rediss?|unix)://.+").fullmatch)] = _NO_SECRET

    secret_key: Annotated[SecretStr, _checked(lambda text: len(text) >= 32)] = _NO_SECRET
    field_keys_text: _KeyRing = Field(default=_NO_SECRET, validation_alias=f"{PREFIX}FIELD_KEYS")
    index_keys_text: _KeyRing = Field(default=_NO_SECRET, validation_alias=f"{PREFIX}INDEX_KEYS")
    backup_key_text: _Key = Field(default=_NO_SECRET, validation_alias=f"{PREFIX}BACKUP_KEY")

    wechat_api_base: _WebUrl = "https://api.weixin.qq.com"
    wechat_open_base: _WebUrl = "https://open.weixin.qq.com"
    oa_app_id: _AppId = ""
    oa_secret: SecretStr = _NO_SECRET
    oa_token: Annotated[SecretStr, _checked(_TOKEN.fullmatch)] = _NO_SECRET
    oa_aes_key: _AesKey = _NO_SECRET
    oa_aes_key_previous: _AesKey = _NO_SECRET
    oa_username: Annotated[str, Field(pattern=r"^(gh_[A-Za-z0-9]{1,40})?$")] = ""
    oa_domain_proof: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{0,64}$")] = ""
    mp_app_id: _AppId = ""
    mp_secret: SecretStr = _NO_SECRET
    mp_token: Annotated[SecretStr, _checked(_TOKEN.fullmatch)] = _NO_SECRET
    mp_aes_key: _AesKey = _NO_SECRET
    accounts_text: _AccountList = Field(default=_NO_SECRET, validation_alias=f"{PREFIX}ACCOUNTS")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values as arguments only, so that `load_settings` is the one reader of the environment."""
        return (init_settings,)

    @property
    def field_keys(self) -> dict[str, bytes]:
        """Keys that encrypt fields, by key id; the first is the current one."""
        return parse_keys(self.field_keys_text.get_secret_value())

    @property
    def index_keys(self) -> dict[str, bytes]:
        """Keys of the blind indexes, by key id; the first is the current one."""
        return parse_keys(self.index_keys_text.get_secret_value())

    @property
    def backup_key(self) -> bytes:
        """The key that seals backups."""
        return parse_key(self.backup_key_text.get_secret_value())

    @property
    def accounts(self) -> tuple[AccountSettings, ...]:
        """Every account: the main official account first, its mini program, then the further ones."""
        main = AccountSettings.model_construct(
            kind="oa",
            app_id=self.oa_app_id,
            secret=self.oa_secret.get_secret_value(),
            token=self.oa_token.get_secret_value(),
            aes_key=self.oa_aes_key.get_secret_value(),
            aes_key_previous=self.oa_aes_key_previous.get_secret_value(),
            username=self.oa_username,
        )
        mini_program = AccountSettings.model_construct(
            kind="mp",
            app_id=self.mp_app_id,
            secret=self.mp_secret.get_secret_value(),
            token=self.mp_token.get_secret_value(),
            aes_key=self.mp_aes_key.get_secret_value(),
        )
        further = parse_accounts(self.accounts_text.get_secret_value())
        return (main, *((mini_program,) if self.mp_app_id else ()), *further)

    @property
    def local_url(self) -> str:
        """Where a process on this machine reaches the service, whatever its public address is."""
        return f"http://{_local(self.address)}:{self.port}"

    @property
    def local_simulator_url(self) -> str:
        """Where a process or browser on this machine reaches the simulator."""
        return f"http://{_local(self.address)}:{self.simulator_port}"

    def need(self, *fields: str) -> None:
        """Refuse to go on without some settings.

        Args:
            fields: names of fields or key rings of this class, such as `"mongodb_uri"` or `"field_keys"`.

        Raises:
            SettingsError: naming every one of them that is not set.
        """
        problems = {}
        for field in fields:
            value = getattr(self, field)
            if not (value.get_secret_value() if isinstance(value, SecretStr) else value):
                problems[variable(field)] = _sentence(field)
        if problems:
            raise SettingsError(problems)

    def masked(self) -> dict[str, str]:
        """Return every setting by its environment variable's name, fit to be shown to anybody.

        A secret appears as `***`; of an address that may carry a password only the password is masked.
        """
        shown = {}
        for field in type(self).model_fields:
            value = getattr(self, field)
            if not isinstance(value, SecretStr):
                text = str(value)
            elif field in ("mongodb_uri", "redis_url"):
                text = _URL_PASSWORD.sub("***@", value.get_secret_value())
            else:
                text = "***" if value.get_secret_value() else ""
            shown[variable(field)] = text
        return shown

    def environment(self) -> dict[str, str]:
        """Return the environment, **with the secrets**, from which `load_settings` makes this again."""
        environment = {}
        for field in type(self).model_fields:
            value = getattr(self, field)
            text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            if text:
                environment[variable(field)] = text
        return environment


def _local(address: str) -> str:
    """Turn an address that servers listen on into one that clients on the machine connect to."""
    if address in ("0.0.0.0", "::", ""):  # noqa: S104
        return "127.0.0.1"
    return f"[{address}]" if ":" in address else address


def variable(field: str) -> str:
    """Return the environment variable's name of a field of `Settings`."""
    return PREFIX + field.removesuffix("_text").upper()


_KEYS_HELP = (
    "填写“编号:32字节密钥的base64”，多个用逗号分隔，第一个为当前密钥，例如 k1:$(openssl rand -base64 32)。"
    "Give kid:base64key of 32 bytes, separated by commas, the current key first."
)
_PORT_HELP = "填写 1 到 65535 之间的端口号。Give a port number from 1 to 65535."
_WEB_HELP = "填写以 http:// 或 https:// 开头的地址。Give an address that begins with http:// or https://."
_AES_HELP = "填写公众平台上的 43 位 EncodingAESKey。Give the account's EncodingAESKey of 43 characters."
_SENTENCES: dict[str, str] = {
    "mode": "只能是 production、demo 或 test。Must be production, demo or test.",
    "port": _PORT_HELP,
    "metrics_port": _PORT_HELP,
    "simulator_port": _PORT_HELP,
    "public_url": "填写公众能访问的 https:// 地址。Give the public https:// address of this service.",
    "trusted_proxies": (
        "填写反向代理的 IP 或网段（如 10.42.0.0/16），多个用逗号分隔。"
        "Give the reverse proxies' IP addresses or networks, separated by commas."
    ),
    "log_level": "只能是 DEBUG、INFO、WARNING 或 ERROR。Must be DEBUG, INFO, WARNING or ERROR.",
    "mongodb_uri": (
        "填写 MongoDB 副本集地址，以 mongodb:// 开头。Give the replica set's address: mongodb://…"
    ),
    "mongodb_database": (
        "填写 1 到 38 位字母、数字、下划线或连字符。Give 1 to 38 letters, digits, underscores or hyphens."
    ),
    "redis_url": "填写 Redis 地址，以 redis:// 开头。Give the Redis address: redis://…",
    "secret_key": "填写至少 32 位的随机字符串。Give a random text of at least 32 characters.",
    "field_keys_text": _KEYS_HELP,
    "index_keys_text": _KEYS_HELP,
    "backup_key_text": (
        "填写 32 字节密钥的 base64，例如 $(openssl rand -base64 32)；没有它就不能备份，也读不出备份。"
        "Give a key of 32 bytes in base64; without it there is no backup, and none can be read."
    ),
    "wechat_api_base": _WEB_HELP,
    "wechat_open_base": _WEB_HELP,
    "oa_app_id": "填写公众号的 AppID。Give the official account's AppID.",
    "oa_secret": "填写公众号的 AppSecret。Give the official account's AppSecret.",
    "oa_token": (
        "填写公众号服务器配置中的 Token（3 到 32 位字母或数字）。"
        "Give the Token of the account's server configuration: 3 to 32 letters or digits."
    ),
    "oa_aes_key": _AES_HELP,
    "oa_aes_key_previous": _AES_HELP,
    "oa_username": "填写公众号的原始 ID（gh_ 开头）。Give the account's original id, which begins with gh_.",
    "oa_domain_proof": (
        "填写 MP_verify_XXXX.txt 文件名中的 XXXX。Give the XXXX in the name of the file MP_verify_XXXX.txt."
    ),
    "mp_token": (
        "填写小程序消息推送配置中的 Token（3 到 32 位字母或数字）。"
        "Give the Token of the mini program's message push: 3 to 32 letters or digits."
    ),
    "mp_aes_key": _AES_HELP,
    "accounts_text": (
        '填写 JSON 列表：[{"kind":"oa","app_id":"…","secret":"…","token":"…","aes_key":"…"}]。'
        "Give a JSON list of further accounts, each once; see the README."
    ),
    "mp_app_id": (
        "与 FANGPIN_MP_SECRET 一起填写小程序的 AppID，或都不填。"
        "Give the mini program's AppID together with FANGPIN_MP_SECRET, or neither."
    ),
    "mp_secret": (
        "与 FANGPIN_MP_APP_ID 一起填写小程序的 AppSecret，或都不填。"
        "Give the mini program's AppSecret together with FANGPIN_MP_APP_ID, or neither."
    ),
}
_REQUIRED_IN_PRODUCTION = (
    "mongodb_uri",
    "redis_url",
    "public_url",
    "secret_key",
    "field_keys_text",
    "index_keys_text",
    "oa_app_id",
    "oa_secret",
    "oa_token",
    "oa_aes_key",
)


def _sentence(field: str) -> str:
    return _SENTENCES.get(_field_of(field), "格式有误。The value is malformed.")


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Args:
        environ: the environment to read; the process's own when omitted. Empty values count as unset.

    Returns:
        The settings, complete for the mode they name.

    Raises:
        SettingsError: some are malformed, or production lacks some; all of them are named at once.
    """
    source = EnvSettingsSource(Settings)
    given = os.environ if environ is None else environ
    source.env_vars = {name.lower(): value for name, value in given.items() if value.strip()}
    values = source()
    problems: dict[str, str] = {}
    settings: Settings | None = None
    try:
        settings = Settings(**values)
    except ValidationError as error:
        for detail in error.errors(include_input=False, include_context=False, include_url=False):
            if detail["type"] == "default_factory_not_called":
                # A default that follows from another setting, which is the one at fault.
                continue
            location = str(detail["loc"][0]) if detail["loc"] else "mode"
            field = _field_of(location)
            problems[variable(field)] = _sentence(field)
    if settings and len({account.app_id for account in settings.accounts}) < len(settings.accounts):
        problems[variable("accounts_text")] = _sentence("accounts_text")
    mode = settings.mode if settings else given.get(f"{PREFIX}MODE", "").strip().lower() or Mode.PRODUCTION
    if mode == Mode.PRODUCTION:
        for field in _REQUIRED_IN_PRODUCTION:
            if not given.get(variable(field), "").strip():
                problems[variable(field)] = _sentence(field)
        public_url = given.get(f"{PREFIX}PUBLIC_URL", "").strip()
        if public_url and not public_url.startswith("https://"):
            # WeChat opens its authorisation only for https pages, and sessions travel in cookies.
            problems[variable("public_url")] = _sentence("public_url")
        for one, other in (("mp_app_id", "mp_secret"), ("mp_secret", "mp_app_id")):
            if given.get(variable(one), "").strip() and not given.get(variable(other), "").strip():
                problems[variable(other)] = _sentence(other)
    if problems or settings is None:
        raise SettingsError(problems)
    return settings


def _field_of(location: str) -> str:
    """Turn the place pydantic names, a field or its alias, into the field."""
    name = location.removeprefix(PREFIX).lower()
    return f"{name}_text" if f"{name}_text" in Settings.model_fields else name
