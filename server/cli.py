"""The `fangpin` command: what there is to start, and how expected problems are told.

The commands themselves are imported when they are called, so that `fangpin --help` answers at once and
a production process loads nothing of the demo.
"""

import asyncio
import errno
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.rich_utils

from casework.problems import Problem
from server import CannotRun
from server.attached import load_attached_settings, read_run
from server.clock import clock_for
from server.logs import configure_logging
from server.loop import new_event_loop
from server.settings import PREFIX, Mode, Settings, SettingsError, load_settings

_EXPECTED = 2
_INTERRUPTED = 130

app = typer.Typer(
    name="fangpin",
    help="防贫：让遇到困难的群众通过微信求助，让负责的人马上知道。",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
audit_app = typer.Typer(help="审计记录。", no_args_is_help=True)
app.add_typer(audit_app, name="audit")


class CallbackMode(StrEnum):
    """How the simulator's callbacks are encrypted."""

    SAFE = "safe"
    COMPATIBLE = "compatible"
    PLAIN = "plain"


class ImportKind(StrEnum):
    """What `fangpin import` reads."""

    REGIONS = "regions"
    STAFF = "staff"


@app.command()
def demo() -> None:
    """在本机启动完整演示，不需要任何准备。

    包括数据库、微信模拟器、服务、后台进程和演示数据；数据保存在 FANGPIN_DATA_DIR（默认 ./var）。
    """
    from server.demo import run_demo  # noqa: PLC0415

    given = {**os.environ, f"{PREFIX}MODE": Mode.DEMO.value}
    _complete(run_demo(load_settings(given), given=given))


@app.command()
def serve() -> None:
    """启动服务（公众号回调、接口、网页）。"""
    from server.app import serve as run  # noqa: PLC0415

    _work(_on_fit_database(run), sys.stdout)


@app.command()
def worker() -> None:
    """启动后台进程（发送通知、催办、封存审计记录）。"""
    from server.worker import run_worker  # noqa: PLC0415

    _work(_on_fit_database(run_worker), sys.stdout)


@app.command()
def simulator(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="监听的端口（默认 8100）。")] = None,
    address: Annotated[str | None, typer.Option(help="监听的地址。")] = None,
    callback_url: Annotated[str | None, typer.Option(help="公众号的服务器地址；填空字符串则不推送。")] = None,
    callback_mode: Annotated[CallbackMode | None, typer.Option(help="消息加解密方式（默认 safe）。")] = None,
    account_name: Annotated[str | None, typer.Option(help="公众号的名称，显示在模拟手机上。")] = None,
    oa_app_id: Annotated[str | None, typer.Option(help="公众号的 AppID。")] = None,
    oa_secret: Annotated[str | None, typer.Option(help="公众号的 AppSecret。")] = None,
    oa_token: Annotated[str | None, typer.Option(help="公众号的 Token。")] = None,
    oa_aes_key: Annotated[str | None, typer.Option(help="公众号的 EncodingAESKey。")] = None,
    oauth_domain: Annotated[str | None, typer.Option(help="网页授权域名；不填则不检查。")] = None,
    mp_app_id: Annotated[str | None, typer.Option(help="小程序的 AppID。")] = None,
    mp_secret: Annotated[str | None, typer.Option(help="小程序的 AppSecret。")] = None,
    mp_token: Annotated[str | None, typer.Option(help="小程序消息推送的 Token。")] = None,
    mp_aes_key: Annotated[str | None, typer.Option(help="小程序消息推送的 EncodingAESKey。")] = None,
    mp_callback_url: Annotated[
        str | None, typer.Option(help="小程序的服务器地址；填空字符串则不推送。")
    ] = None,
    latency_ms: Annotated[float | None, typer.Option(min=0, help="每个微信接口先等多少毫秒。")] = None,
    journal: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, help="把人、消息和凭据记在这个文件里，被杀掉再启动也不丢；不填则只在内存里。"
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="随机数的种子，使按概率的故障可以重现。")] = None,
) -> None:
    """启动微信模拟器，单独使用不需要任何准备（不能用于正式环境）。

    试用：FANGPIN_MODE=test fangpin simulator。启动后会显示凭据，使用说明在模拟器的 /_docs。
    """
    given = {name: value for name, value in locals().items() if name != "seed" and value is not None}
    from server.simulate import TRY_OUT, SimulatorRefused, run_simulator, wants_production  # noqa: PLC0415

    # An address that is given empty stands for none.
    options = {name: value or None if name.endswith("_url") else value for name, value in given.items()}
    try:
        _work(lambda settings: run_simulator(settings, options, seed), sys.stdout)
    except SettingsError as error:
        # What production lacks is of no use to somebody who wants to try the simulator.
        raise SimulatorRefused(TRY_OUT) if wants_production(os.environ) else error from None


@app.command()
def seed() -> None:
    """写入演示数据。"""
    from server.seed import seed as run  # noqa: PLC0415

    _work(run)


@app.command(name="import")
def import_file(
    kind: Annotated[ImportKind, typer.Argument(help="regions（行政区划）或 staff（工作人员）。")],
    file: Annotated[Path, typer.Argument(help="要导入的文件。")],
) -> None:
    """从文件导入行政区划或工作人员。"""
    if not file.is_file():
        raise CannotRun(f"找不到文件 {file}。")
    from server.importing import import_file as run  # noqa: PLC0415

    report = _work(lambda settings: run(settings, kind.value, file))
    typer.echo(str(report))


@app.command()
def publish(
    file: Annotated[Path | None, typer.Argument(help="新的菜单（JSON）；不填则发布现有的菜单。")] = None,
) -> None:
    """把公众号菜单发布到微信；已经一致的不会重复提交。"""
    if file is not None and not file.is_file():
        raise CannotRun(f"找不到文件 {file}。")
    from server.publishing import publish as run  # noqa: PLC0415

    for line in _work(lambda settings: run(settings, file)):
        typer.echo(line)


@app.command()
def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="只说明要做什么，不改动；有要做的则退出码为 1。")
    ] = False,
) -> None:
    """把数据库升级到本版本；中断后可以再次执行。"""
    from server.migrate import migrate as run  # noqa: PLC0415
    from server.migrate import what_waits  # noqa: PLC0415

    if not check:
        _work(lambda settings: run(settings, typer.echo))
        return
    waiting = _work(what_waits)
    for sentence in waiting or ["数据库已是本版本，不需要升级。"]:
        typer.echo(sentence)
    raise typer.Exit(1 if waiting else 0)


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="写到哪个文件；已有的文件不会被覆盖。")]) -> None:
    """备份数据库和审计签名到一个加密文件；服务可以照常运行。"""
    from server.backup import backup as run  # noqa: PLC0415

    run(_settings(), file, typer.echo)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="备份文件。")],
    check: Annotated[bool, typer.Option("--check", help="只检查备份文件是否完好，不恢复。")] = False,
    drop_partial: Annotated[bool, typer.Option("--drop-partial", help="先清除上次没有完成的恢复。")] = False,
) -> None:
    """把备份恢复到一个空的数据库，并核对是否与备份完全一致。"""
    from server.backup import check as read_through  # noqa: PLC0415
    from server.backup import describe  # noqa: PLC0415
    from server.restore import restore as run  # noqa: PLC0415

    if not check:
        raise typer.Exit(run(_settings(), file, typer.echo, drop_partial=drop_partial))
    for line in describe(read_through(_settings(), file)):
        typer.echo(line)


@app.command()
def reseal(
    check: Annotated[bool, typer.Option("--check", help="只统计还有多少，不做改动。")] = False,
) -> None:
    """换密钥时，把旧密钥加密的数据改用现在的密钥；可在服务运行时执行，中断后可以再次执行。"""
    from server.reseal import reseal as run  # noqa: PLC0415

    raise typer.Exit(_work(lambda settings: run(settings, typer.echo, check=check)))


@audit_app.command()
def verify() -> None:
    """检查审计记录是否被删改。"""
    from server.audit import verify as run  # noqa: PLC0415

    raise typer.Exit(_work(run))


@app.command()
def settings() -> None:
    """列出当前生效的设置，密钥和密码不显示。"""
    values = load_attached_settings()
    run = read_run(values.data_dir)
    if run is not None and values.mongodb_uri.get_secret_value() == run.environment.get(
        f"{PREFIX}MONGODB_URI"
    ):
        typer.echo(f"# 正在运行的演示：{run.public_url}（进程 {run.pid}）")
    for name, value in sorted(values.masked().items()):
        typer.echo(f"{name}={value}")


@audit_app.callback()
def _audit() -> None:
    """Keep `audit` a group although it has a single command so far."""


def main() -> None:
    """Run the command line; an expected problem ends it with its sentence and status 2."""
    typer.rich_utils.OPTIONS_PANEL_TITLE = "选项"
    typer.rich_utils.COMMANDS_PANEL_TITLE = "命令"
    typer.rich_utils.ARGUMENTS_PANEL_TITLE = "参数"
    typer.rich_utils.ERRORS_PANEL_TITLE = "错误"
    with _told():
        app()


def _settings(log_to: Any = None) -> Settings:
    """The settings of this machine; log entries go to the given stream from now on."""
    values = load_attached_settings()
    # Commands for people keep standard output for their result.
    configure_logging(values.log_level, clock_for(values), (log_to or sys.stderr).buffer)
    return values


def _work(command: Callable[[Settings], Awaitable[Any]], log_to: Any = None) -> Any:
    """Run a command with the settings of this machine and its log entries on the given stream."""
    return _complete(command(_settings(log_to)), new_event_loop)


def _on_fit_database(
    command: Callable[[Settings], Awaitable[None]],
) -> Callable[[Settings], Awaitable[None]]:
    """The command, once the database is known to be one that this program may work on."""

    async def run(settings: Settings) -> None:
        from server.migrate import refuse_unfit  # noqa: PLC0415

        await refuse_unfit(settings)
        await command(settings)

    return run


def _complete(
    work: Awaitable[Any], loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> Any:
    async def run() -> Any:
        return await work

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(run())


@contextmanager
def _told() -> Iterator[None]:
    """Tell expected problems in one sentence; everything else keeps its traceback."""
    try:
        yield
    except CannotRun as problem:
        _refuse(str(problem))
    except Problem as problem:
        _refuse("\n".join([problem.title, *(f"  {error.get('message', error)}" for error in problem.errors)]))
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None
    except Exception as error:
        sentence = _sentence_for(error)
        if sentence is None:
            raise
        _refuse(sentence)


def _sentence_for(error: Exception) -> str | None:
    """Return what to say about a library's error that has a plain cause, or None."""
    import pymongo.errors  # noqa: PLC0415
    import redis.exceptions  # noqa: PLC0415

    if isinstance(error, pymongo.errors.ConnectionFailure):
        return f"连不上 MongoDB，请检查它是否在运行、{PREFIX}MONGODB_URI 是否正确。"
    if isinstance(error, pymongo.errors.OperationFailure) and error.code in (13, 18):
        return f"MongoDB 拒绝了登录，请检查 {PREFIX}MONGODB_URI 里的用户、密码和权限。"
    if isinstance(error, redis.exceptions.ConnectionError):
        return f"连不上 Redis，请检查它是否在运行、{PREFIX}REDIS_URL 是否正确。"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        settings_of_ports = "、".join(
            f"{PREFIX}{name}" for name in ("PORT", "METRICS_PORT", "SIMULATOR_PORT")
        )
        return f"端口已被其他程序占用，请用 {settings_of_ports} 换一个端口。"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "磁盘已满，请腾出空间后再试。"
    if isinstance(error, PermissionError) and error.filename:
        return f"没有权限读写 {error.filename}。"
    return None


def _refuse(sentence: str) -> None:
    typer.echo(sentence, err=True)
    raise SystemExit(_EXPECTED)
