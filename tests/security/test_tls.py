"""TLS: every way to the database takes it, and a certificate that is wrong is one clear error."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.store.bridge import BridgeKind, Connection, open_bridge
from runtime import AsyncClient, Client, TrioClient
from runtime.client import database
from runtime.database_url import redacted
from runtime.errors import ConfigError, StoreUnavailable
from runtime.tls import fault
from tests.cli.conftest import Cli
from tests.security.app import app, echo
from tests.support.node import Node
from tests.support.tls import OTHER_HOST, Papers, TlsFront, tls_front

PASSWORD = "hunter2-5f2b"
VARIABLES = ("PGSSLMODE", "PGSSLROOTCERT", "PGSSLCRL", "PGSSLCERT", "PGSSLKEY")
KINDS = ["thread", "trio-asyncio"] if sys.version_info < (3, 14) else ["thread"]


@pytest.fixture(autouse=True)
def nothing_of_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variables, and no ~/.postgresql."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return Papers(tmp_path_factory.mktemp("papers"))


@pytest.fixture(scope="module")
def front(migrated_url: str, papers: Papers) -> Iterator[TlsFront]:
    """A server with TLS, for all tests of this module; none of them comes to it in plain."""
    with tls_front(migrated_url, papers.of_server()) as front:
        yield front
        assert front.plain == 0


@pytest.fixture
def good(front: TlsFront, papers: Papers) -> str:
    return front.url(f"sslmode=verify-full&sslrootcert={papers.root}")


def test_a_node_claims_listens_and_acks_by_tls_as_its_environment_says(
    front: TlsFront, papers: Papers, good: str, tmp_path: Path
) -> None:
    trust = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(papers.root)}
    database = {"HEADRACE_DATABASE_URL": front.url(password=PASSWORD)}
    options = {"workers": 1, "http": False, "poll_seconds": 600}
    log = tmp_path / "log"
    with Node("", log, "tests.security.app:app", trust | database, **options) as node:
        node.wait_started()
        before = front.encrypted
        assert before >= 2  # one of them listens
        with Client(app, good) as client:
            # Not polled for: its wakeup came through.
            assert client.enqueue(echo, text="a").result(timeout=30).endswith(" a")
        assert front.encrypted > before
        assert node.stop() == 0
    assert PASSWORD not in node.log


async def test_a_trio_client_takes_the_url_s_word(good: str) -> None:
    async with TrioClient(app, good) as client:
        job = await client.enqueue(echo, text="a")
        assert (await client.get(job.id)).kind == "echo"


def test_an_asyncio_client_takes_the_url_s_word(good: str) -> None:
    async def main() -> str:
        async with AsyncClient(app, good) as client:
            job = await client.enqueue(echo, text="a")
            return (await client.get(job.id)).kind

    assert asyncio.run(main()) == "echo"


async def one(connection: Connection) -> int:
    value: int = await connection.fetchval("SELECT 1")
    return value


@pytest.mark.parametrize("kind", KINDS)
async def test_a_certificate_that_turns_bad_is_an_outage_until_it_is_good_again(
    migrated_url: str, papers: Papers, tmp_path: Path, kind: BridgeKind
) -> None:
    (tmp_path / "strange").mkdir()
    strange = Papers(tmp_path / "strange")
    options = f"sslmode=verify-full&sslrootcert={papers.root}"
    with tls_front(migrated_url, papers.of_server()) as front:
        async with open_bridge(front.url(options), kind=kind) as bridge:
            assert await bridge.run(one) == 1
            front.context = strange.of_server()
            front.cut()
            for _ in range(2):  # on the connection that was cut, and on a new one
                with pytest.raises(StoreUnavailable) as away:
                    await bridge.run(one)
            assert "certificate verify failed" in str(away.value)
            front.context = papers.of_server()
            assert await bridge.run(one) == 1


def test_migrations_and_checks_take_tls(cli: Cli, good: str, front: TlsFront) -> None:
    before = front.encrypted
    cli("migrate", "up", "--database-url", good)
    assert "notifications arrive" in cli("check", "--database-url", good).out
    assert front.encrypted >= before + 3  # `check` listens besides


# What is wrong, and the exit status and words that tell of it. {papers} is where the files are.
WRONG = {
    "signed by a stranger": (
        "sslmode=verify-full&sslrootcert={papers}/stranger.crt",
        69,
        "no TLS with database localhost",
    ),
    "also for the signer alone": (
        "sslmode=verify-ca&sslrootcert={papers}/stranger.crt",
        69,
        "certificate verify failed",
    ),
    "no signer is known": ("sslmode=verify-full", 2, "needs sslrootcert or PGSSLROOTCERT"),
    "no such file": (
        "sslmode=verify-full&sslrootcert=/nowhere/root.crt",
        2,
        "sslrootcert in the database URL: cannot read /nowhere/root.crt: No such file",
    ),
    "a file of something else": (
        "sslmode=require&sslrootcert={papers}/client.key",
        2,
        "client.key cannot be used",
    ),
    "a key without its certificate": (
        "sslmode=require&sslcert={papers}/client.key&sslkey={papers}/client.key",
        2,
        "sslkey in the database URL",
    ),
    "no such mode": ("sslmode=perhaps", 2, "'perhaps', but must be one of disable, allow"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line_without_the_password(
    cli: Cli, front: TlsFront, papers: Papers, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node does not begin, and does not try for ever; a client says the same, by its type."""
    options, status, words = WRONG[case]
    url = front.url(options.format(papers=papers.root.parent), password=PASSWORD)
    monkeypatch.setenv("DATABASE_URL", url)
    ended = cli("serve", "tests.security.app:app", status=status)
    assert words in ended.err
    assert ended.err.count("\n") == 1
    assert words in cli("check", "--json", status=status).out
    monkeypatch.setattr(database, "REPEAT_SECONDS", ())
    error = ConfigError if status == 2 else StoreUnavailable
    with Client(app) as client, pytest.raises(error) as refused:
        client.enqueue(echo, text="a")
    assert words in str(refused.value)
    assert PASSWORD not in ended.err + str(refused.value)


def test_another_host_s_certificate_is_refused_where_the_name_is_looked_at(
    cli: Cli, front: TlsFront, papers: Papers
) -> None:
    for mode, status in (("verify-full", 69), ("verify-ca", 0), ("require", 0)):
        options = f"sslmode={mode}&sslrootcert={papers.root}"
        url = front.url(options, host=OTHER_HOST, password=PASSWORD)
        ended = cli("migrate", "status", "--database-url", url, status=status)
    refused = cli("job", "list", "--database-url", url.replace("require", "verify-full"), status=69)
    assert "not valid for '127.0.0.1'" in refused.err
    assert PASSWORD not in refused.err + ended.out


def test_a_server_without_tls_is_refused_where_it_is_required(
    cli: Cli, migrated_url: str, papers: Papers
) -> None:
    with tls_front(migrated_url, None) as front:
        required = front.url(f"sslmode=require&sslrootcert={papers.root}", password=PASSWORD)
        ended = cli("migrate", "status", "--database-url", required, status=69)
        assert "rejected SSL upgrade" in ended.err
        assert front.plain == 0  # it was told nothing
        cli("migrate", "status", "--database-url", front.url("sslmode=prefer"))
        assert front.plain == 1  # which is what it says


def test_a_server_that_wants_a_certificate_gets_ours(
    cli: Cli, migrated_url: str, papers: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_front(migrated_url, papers.of_server(wants_client=True)) as front:
        trusting = front.url(f"sslmode=verify-full&sslrootcert={papers.root}")
        cli("migrate", "status", "--database-url", trusting, status=69)
        ours = f"{trusting}&sslcert={papers.cert}&sslkey={papers.key}"
        cli("migrate", "status", "--database-url", ours)
        monkeypatch.setenv("PGSSLCERT", str(papers.cert))
        monkeypatch.setenv("PGSSLKEY", str(papers.key))
        cli("migrate", "status", "--database-url", trusting)
        assert front.encrypted == 2


def test_a_database_that_is_merely_away_is_nobody_s_fault(papers: Papers) -> None:
    url = f"postgresql://h/d?sslmode=verify-full&sslrootcert={papers.root}"
    ours = {"PGSSLCERT": str(papers.cert), "PGSSLKEY": str(papers.key)}
    assert fault(url, ours) is None
    assert fault("postgresql://h/d", {"PGSSLMODE": "disable", "PGSSLCERT": "/nowhere"}) is None
    assert redacted(url) == "h/d"
