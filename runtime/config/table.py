"""Config: the one table of options. Flags, environment, TOML, `config` and the README follow it.

Rules: an option is defined here and nowhere else; its name carries its unit; its comment or help
says why the default is what it is. A Config is complete and checked, wherever it came from: by
`runtime.config.load` for the command line, or by a call of `Config(...)` in an embedding program.
"""

from __future__ import annotations

from typing import Literal

import attrs

from runtime.config.cores import usable_cores
from runtime.config.kinds import Number, QueueLimits, Switch, Text
from runtime.config.option import Option, option, options_of
from runtime.config.queues import QueueLimit
from runtime.errors import ConfigError
from runtime.job import DEFAULT_QUEUE
from runtime.lifecycle import DEFAULT_MAX_CRASHES

_MIB = 1024 * 1024
_DAY = 86_400.0
_NAMESPACE = r"[a-z_][a-z0-9_]{0,39}"
DEFAULT_HTTP_PORT = 8089
# The domain `job_args` refuses more, whatever the configuration says.
MAX_PAYLOAD_BYTES = 4 * _MIB

_DB, _WORK, _LEASE, _STOP = "database", "work", "lease and polls", "stopping"
_CHILD, _PAYLOAD, _KEEP, _SEE = "children", "payloads", "retention", "seeing"


@attrs.frozen(kw_only=True)
class Config:
    """All options of a node. Raises ConfigError for a value or a combination that cannot be."""

    app: str = option(
        "", Text(means="an import path such as pkg.jobs:app"), "The app to serve.", group=_WORK
    )
    database_url: str = option(
        "",
        Text(means="a URL such as postgresql://user@host/name"),
        "The database; without one, the embedded PostgreSQL.",
        group=_DB,
        secret=True,
        also_environment=("DATABASE_URL",),
    )
    namespace: str = option(
        "headrace",
        Text(
            pattern=_NAMESPACE,
            means="a lower-case letter or _, then at most 39 of a-z, 0-9 and _",
        ),
        "The PostgreSQL schema that holds the tables.",
        group=_DB,
    )
    data_dir: str = option(
        "", Text(means="a directory"), "Where the embedded PostgreSQL keeps its data.", group=_DB
    )
    postgres_bin: str = option(
        "",
        Text(means="a directory"),
        "Programs for the embedded PostgreSQL; by default they are found.",
        group=_DB,
    )
    migrate: bool = option(False, Switch(), "Migrate the database before serving.", group=_DB)
    pooler: bool = option(
        False,
        Switch(),
        "The URL leads to a transaction pooler: no LISTEN, no prepared statements.",
        group=_DB,
    )
    bridge: Literal["auto", "trio-asyncio", "thread"] = option(
        "auto",
        Text(choices=("auto", "trio-asyncio", "thread")),
        "How asyncpg runs under trio.",
        group=_DB,
    )
    queues: tuple[QueueLimit, ...] = option(
        (QueueLimit(DEFAULT_QUEUE),),
        QueueLimits(),
        "The queues to serve (*: all); name:limit bounds how many of its jobs this node runs at "
        "once, name:weight=3 is its part of free places.",
        group=_WORK,
    )
    workers: int = option(
        0,
        Number("workers", whole=True, minimum=1, maximum=1024, zero="one for each usable core"),
        "How many children run sync handlers.",
        group=_WORK,
    )
    async_concurrency: int = option(
        100,
        Number("runs", whole=True, minimum=1, maximum=100_000),
        "How many async handlers run at once, in a child of their own.",
        group=_WORK,
    )
    flows: int = option(
        0,  # the node itself is busy with 32; each takes 5 MiB, and what its app takes
        Number("runs", whole=True, minimum=1, maximum=1024, zero="16 for each worker, up to 32"),
        "How many plain workflows that compute little go on at once, in children of their own "
        "made on demand; no more than workers: in the workers'.",
        group=_WORK,
    )
    timeout_seconds: float = option(
        3600.0,
        Number("seconds", minimum=0.001, zero="no timeout"),
        "The timeout of handlers that have none of their own.",
        group=_WORK,
    )
    max_crashes: int = option(
        DEFAULT_MAX_CRASHES,
        Number("runs", whole=True, minimum=1, maximum=32_000),
        "A job that has killed its process so often is given up; a handler may say otherwise.",
        group=_WORK,
    )
    lease_seconds: float = option(
        20.0,
        Number("seconds", minimum=2, maximum=_DAY),  # a node stops 1 s before its lease ends
        "A dead node's jobs are given back after this long.",
        group=_LEASE,
    )
    heartbeat_seconds: float = option(
        5.0,
        Number("seconds", minimum=0.1, maximum=_DAY),
        "How often the lease is prolonged; at most a third of it.",
        group=_LEASE,
    )
    term_seconds: float = option(
        10.0,
        Number("seconds", minimum=0.5, maximum=_DAY),
        "A dead leader is replaced after this long.",
        group=_LEASE,
    )
    poll_seconds: float = option(
        5.0,  # the net behind NOTIFY: at a node each 5 s it costs nothing; with --poll-only set 1
        Number("seconds", minimum=0.01, maximum=3600),
        "How often to look for work behind the wakeups, plus jitter.",
        group=_LEASE,
    )
    poll_only: bool = option(
        False, Switch(), "Do not LISTEN; find work by the poll alone.", group=_LEASE
    )
    drain_seconds: float = option(
        25.0,  # below the 30 s after which Kubernetes kills
        Number("seconds", maximum=_DAY),
        "On SIGTERM, how long runs may take to end by themselves.",
        group=_STOP,
    )
    kill_grace_seconds: float = option(
        5.0,
        Number("seconds", maximum=3600),
        "How long a handler that was told to stop may clean up before SIGKILL.",
        group=_STOP,
    )
    start_method: Literal["fork", "spawn"] = option(
        "fork",
        Text(choices=("fork", "spawn")),
        "How children begin: forked with the app imported, or from nothing.",
        group=_CHILD,
    )
    memory_limit_mib: int = option(
        0,
        Number("MiB", whole=True, minimum=16, zero="no limit"),
        "The address space of a child.",
        group=_CHILD,
    )
    recycle_runs: int = option(
        0,
        Number("runs", whole=True, minimum=1, zero="never"),
        "Replace a child after so many runs.",
        group=_CHILD,
    )
    recycle_mib: int = option(
        0,
        Number("MiB", whole=True, minimum=16, zero="never"),
        "Replace a child whose resident memory has grown beyond this.",
        group=_CHILD,
    )
    pin_cores: bool = option(False, Switch(), "Bind each child to a core.", group=_CHILD)
    payload_limit_bytes: int = option(
        2 * _MIB,
        Number("bytes", whole=True, minimum=1024, maximum=MAX_PAYLOAD_BYTES),
        "Args and outputs over this are refused.",
        group=_PAYLOAD,
    )
    payload_warn_bytes: int = option(
        1 * _MIB,
        Number("bytes", whole=True, minimum=1, maximum=MAX_PAYLOAD_BYTES),
        "Args and outputs over this are warned of.",
        group=_PAYLOAD,
    )
    keep_completed_seconds: float = option(
        _DAY, Number("seconds", minimum=1, zero="for ever"), "Completed jobs.", group=_KEEP
    )
    keep_cancelled_seconds: float = option(
        _DAY, Number("seconds", minimum=1, zero="for ever"), "Cancelled jobs.", group=_KEEP
    )
    keep_discarded_seconds: float = option(
        7 * _DAY, Number("seconds", minimum=1, zero="for ever"), "Discarded jobs.", group=_KEEP
    )
    keep_events_seconds: float = option(
        30 * _DAY,
        Number("seconds", minimum=1, zero="for ever"),
        "Events of workflows; at least as long as jobs are kept.",
        group=_KEEP,
    )
    http: bool = option(True, Switch(), "Serve /metrics, /healthz and /readyz.", group=_SEE)
    http_host: str = option(
        "127.0.0.1", Text(means="an address of this machine"), "Where HTTP listens.", group=_SEE
    )
    http_port: int = option(
        DEFAULT_HTTP_PORT,
        Number("port", whole=True, minimum=1, maximum=65_535, zero="any free one"),
        "If the default is taken, any free port is used instead; another one must be free.",
        group=_SEE,
    )
    log_level: str = option(
        "info", Text(choices=("debug", "info", "warning", "error")), "What to log.", group=_SEE
    )
    log_format: str = option(
        "text", Text(choices=("text", "json")), "How to log, on stderr.", group=_SEE
    )

    def __attrs_post_init__(self) -> None:
        if self.heartbeat_seconds * 3 > self.lease_seconds:
            raise ConfigError(
                f"heartbeat_seconds is {self.heartbeat_seconds:g}, but must be at most a third "
                f"of lease_seconds, which is {self.lease_seconds:g}: a missed beat must not end it"
            )
        if self.payload_warn_bytes > self.payload_limit_bytes:
            raise ConfigError(
                f"payload_warn_bytes is {self.payload_warn_bytes}, but must be at most "
                f"payload_limit_bytes, which is {self.payload_limit_bytes}"
            )

    @property
    def listens(self) -> bool:
        """Whether the node LISTENs: a pooler cannot hand notifications on."""
        return not (self.poll_only or self.pooler)

    @property
    def worker_count(self) -> int:
        """`workers`, with 0 replaced by the number of usable cores."""
        return self.workers or usable_cores()

    @property
    def flow_count(self) -> int:
        """How many Workers there are for light plain workflows alone."""
        workers = self.worker_count
        chosen = self.flows or max(2 * workers, min(16 * workers, 32))
        return chosen if chosen > workers else 0


OPTIONS: tuple[Option, ...] = options_of(Config)
OPTION: dict[str, Option] = {each.name: each for each in OPTIONS}
