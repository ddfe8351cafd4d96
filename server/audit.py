"""Checking the audit trail from the command line."""

import typer

from casework.audit.service import verify as verify_trail
from server.parts import parts_for
from server.settings import Settings


async def verify(settings: Settings) -> int:
    """Check the whole trail and print the result; the exit status is 1 when anything is wrong."""
    async with parts_for(settings) as parts:
        verdict = await verify_trail(
            parts.stores.audit, parts.clock, parts.checkpoints.read, parts.checkpoints.signature_ok
        )
    typer.echo(f"已封存 {verdict.batches} 批、{verdict.sealed} 条审计记录。")
    typer.echo(f"未封存 {verdict.unsealed} 条，最早的一条已等待 {verdict.unsealed_age:.1f} 秒。")
    if verdict.unsigned:
        typer.echo(f"有 {verdict.unsigned} 批没有检查点。请先把各台机器的检查点文件合在一起。")
    for fault in verdict.faults:
        typer.echo(f"异常：{fault}")
    typer.echo(
        "审计记录有异常，请立即保全数据库并报告。" if verdict.faults else "审计记录完整，没有发现删改。"
    )
    return 1 if verdict.faults else 0
