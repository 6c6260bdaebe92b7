"""Secrets: what a node and its commands say, show, write and are called has no password in it.

A recognisable password is in the URL that the node gets (from a file) and in PGPASSWORD; args and
outputs are recognisable too. Then all is searched that anybody else could read.
"""

from __future__ import annotations

import os
import traceback
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import psycopg
import psycopg.sql
import pytest

from runtime import Client
from runtime.cli.main import run
from runtime.client.wiring import wire
from runtime.config import Config, load, mask
from runtime.database_url import check_url, redacted
from runtime.errors import ConfigError, JobFailed
from tests.cli.conftest import Cli
from tests.security.app import OUTPUT, app, echo, fails, never_returns
from tests.support.listening import listening
from tests.support.node import Node, Option
from tests.support.processes import marked

PASSWORD = "hunter2-9d41f7"
OTHER = "hunter3-0c55aa"  # in PGPASSWORD
ARGS = "args-4b1e99d2"


def with_password(url: str) -> tuple[str, str]:
    """The URL with a password, and which; a server that wants one has it already."""
    parts = urlsplit(url)
    if parts.password:
        return url, parts.password
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user or 'postgres'}:{PASSWORD}@{host}").geturl(), PASSWORD


@attrs.frozen
class Story:
    """A node that has worked, failed and killed; and what may be nowhere."""

    node: Node
    url: str
    password: str

    def get(self, path: str) -> str:
        """A page of its HTTP server."""
        try:
            with urllib.request.urlopen(self.node.http + path, timeout=10) as response:
                return str(response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return str(error.read().decode())


@pytest.fixture(scope="module")
def story(migrated_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("node")
    url, password = with_password(migrated_url)
    (folder / "url").write_text(url + "\n")
    environment = {"HEADRACE_DATABASE_URL_FILE": str(folder / "url"), "PGPASSWORD": OTHER}
    options: dict[str, Option] = {"workers": 1, "http_port": 0, "kill_grace_seconds": 0.2}
    named = "tests.security.app:app"
    with Node("", folder / "log", named, environment, log_level="debug", **options) as node:
        node.wait_started()
        with Client(app, url) as client:
            assert client.enqueue(echo, text=ARGS).result(timeout=30) == f"{OUTPUT} {ARGS}"
            for handler in (fails, never_returns):
                with pytest.raises(JobFailed) as failed:
                    client.enqueue(handler, text=ARGS).result(timeout=30)
                assert ARGS not in str(failed.value) + failed.value.trace
        yield Story(node, url, password)
        assert node.stop() == 0


def test_the_log_has_no_password_no_args_and_no_outputs(story: Story) -> None:
    log = story.node.log
    assert "run of fails" in log  # at its most talkative
    assert "killing child" in log
    for secret in (story.password, OTHER, ARGS, OUTPUT):
        assert secret not in log


def test_metrics_and_health_have_none_either(story: Story) -> None:
    pages = [story.get(path) for path in ("/metrics", "/healthz", "/readyz", "/", "/no")]
    assert 'kind="never_returns"' in pages[0]
    for secret in (story.password, OTHER, ARGS, OUTPUT):
        assert secret not in "".join(pages)


def test_nor_has_the_list_of_processes(story: Story) -> None:
    """Variables are another matter: /proc/PID/environ is for the same user (and root) to read."""
    for process in marked(story.node.mark):
        told = Path(f"/proc/{process.pid}/cmdline").read_text() + process.name
        assert story.password not in told
        assert OTHER not in told
        environ = Path(f"/proc/{process.pid}/environ").stat()
        assert (environ.st_mode & 0o077, environ.st_uid) == (0, os.geteuid())


def test_no_row_has_the_password_and_no_failure_the_args(story: Story) -> None:
    with psycopg.connect(story.url) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'headrace'"
        ).fetchall()
        rows = {name: _rows(connection, name) for (name,) in tables}
    assert "never_returns" in rows["failure"]  # the stack of the killed one
    assert ARGS in rows["job"]
    for name, text in rows.items():
        assert story.password not in text
        assert OTHER not in text
        assert name == "job" or ARGS not in text


def _rows(connection: psycopg.Connection, table: str) -> str:
    statement = psycopg.sql.SQL("SELECT t::text FROM headrace.{} t")
    found = connection.execute(statement.format(psycopg.sql.Identifier(table)))
    return str(found.fetchall())


def test_http_listens_on_loopback_and_nothing_else_listens(story: Story) -> None:
    node = story.node
    port = int(node.http.rpartition(":")[2])
    assert listening(node.pid) == {("127.0.0.1", port)}
    for process in marked(node.mark):
        if process.pid != node.pid:
            assert listening(process.pid) <= {("127.0.0.1", port)}


COMMANDS = [
    ("config", 0),
    ("config --json", 0),
    ("check", 0),
    ("check --json", 0),
    ("migrate status --json", 0),
    ("migrate up", 0),
    ("node list --json", 0),
    ("queue list --json", 0),
    ("job count", 0),
]


def test_commands_show_no_password(story: Story, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", story.url)
    monkeypatch.setenv("PGPASSWORD", OTHER)
    for command, status in COMMANDS:
        ended = cli(*command.split(), status=status)
        assert story.password not in ended.out + ended.err
        assert OTHER not in ended.out + ended.err


def test_a_database_that_refuses_or_is_away_is_told_without_it(
    story: Story, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = urlsplit(story.url)._replace(path="/absent").geturl()
    away = f"postgresql://me:{PASSWORD}@127.0.0.1:1/x"
    nowhere = f"postgresql://me:{PASSWORD}@/x?host=/nowhere"
    for url in (refusing, away, nowhere):
        monkeypatch.setenv("DATABASE_URL", url)
        for command in ("serve tests.security.app:app", "check --json", "migrate up"):
            ended = cli(*command.split(), status=69)
            assert ended.err + ended.out
            assert story.password not in ended.out + ended.err
            assert PASSWORD not in ended.out + ended.err


@pytest.mark.parametrize("command", ["job", "node"])  # by a client's pool, and by the Store's
def test_a_crash_of_ours_has_a_traceback_without_it(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: str,
) -> None:
    async def crash(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("asyncpg.connect", crash)
    monkeypatch.setattr("asyncpg.create_pool", crash)
    monkeypatch.setenv("DATABASE_URL", f"postgresql://me:{PASSWORD}@here/x")
    with pytest.raises(SystemExit) as left:
        run([command, "list"])
    told = capsys.readouterr()
    assert left.value.code == 1
    assert "RuntimeError: a bug" in told.err
    assert PASSWORD not in told.out + told.err


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{PASSWORD}@h/d",
        f"postgresql://me@h/d?password={PASSWORD}",
        f"postgresql://h:5432/d?password=x@{PASSWORD}",
        f"postgresql://h/d?sslpassword={PASSWORD}&sslmode=require",
        f"host=h password='x {PASSWORD}'",
    ],
)
def test_what_holds_a_url_shows_it_masked(url: str) -> None:
    config = Config(database_url=url)
    settings = load({"database_url": url}, {}, Path("/nowhere"))
    shown = [mask(url), repr(config), repr(settings), redacted(url)]
    if url.startswith("postgresql"):
        wiring = wire(app, url, None, 1, False)
        shown += [repr(wiring), repr(wiring.core()), repr(Client(app, url))]
    for text in shown:
        assert PASSWORD not in text


TORN = ("/", "?", "#", "#/", "?/", "@/", "@#", "@?", ":", "a@b/", "?a=b@")


@pytest.mark.parametrize("torn", TORN)
def test_a_password_that_tears_its_url_is_not_taken_for_a_host(torn: str) -> None:
    """Unencoded, these end the host's part: what follows must not be shown as a database."""
    url = f"postgresql://me:{PASSWORD}{torn}{PASSWORD}@host/db"
    assert PASSWORD not in mask(url)
    assert PASSWORD not in redacted(url)
    if torn == ":":
        check_url(url)  # which is a password
        return
    with pytest.raises(ConfigError) as refused:
        check_url(url)
    assert PASSWORD not in "".join(traceback.format_exception(refused.value))
