"""The whole examination: what can be looked at, in order, and the exit status that it leads to."""

from __future__ import annotations

from actors.store.bridge import Bridge
from runtime.cli.checks.finding import Finding, Level, advise, ok, problem
from runtime.cli.checks.listening import check_listening
from runtime.cli.checks.server import check_cleaning, check_server
from runtime.cli.checks.tables import check_tables
from runtime.cli.checks.upkeep import check_upkeep
from runtime.cli.checks.work import check_work
from runtime.cli.exits import Exit, expected
from runtime.cli.session import make_store, reachable, run_with_bridge
from runtime.config import Config, Settings

Report = tuple[list[Finding], Exit]


def examine(settings: Settings) -> Report:
    """Look at everything; goes on after a problem as far as it can."""
    findings = _configuration(settings)
    try:
        with reachable(settings.config) as config:
            found, status = run_with_bridge(config, lambda bridge: _database(bridge, config))
    except Exception as error:
        known = expected(error)
        if known is None:
            raise
        status, line = known
        found = [problem("database", line, "see --database-url, DATABASE_URL")]
    return [*findings, *found], status


def _configuration(settings: Settings) -> list[Finding]:
    source = f"read {settings.file}" if settings.file else "no TOML file"
    given = sum(source != "default" for source in settings.sources.values())
    notes = [advise("configuration", note, "correct or unset it") for note in settings.notes]
    return [ok("configuration", f"{source}; {given} options set"), *notes]


async def _database(bridge: Bridge, config: Config) -> Report:
    findings = await check_server(bridge)
    findings += await check_listening(bridge, config.namespace)
    tables = await check_tables(bridge, config.namespace)
    findings += tables
    if any(each.level is Level.PROBLEM for each in tables):
        return findings, Exit.SCHEMA
    findings += await check_cleaning(bridge, config.namespace)
    findings += await check_upkeep(bridge, config.namespace)
    findings += await check_work(make_store(config, bridge), bridge)
    failed = any(each.level is Level.PROBLEM for each in findings)
    return findings, Exit.FAILED if failed else Exit.OK
