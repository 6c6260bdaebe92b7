"""Parts: the actors of one node, made and introduced to one another, not yet running.

Rule: here, and only here, one actor's handle is given to another. What a part is told in its
constructor is all that it knows; `actors.tree` says in which order the parts run and under whom.
Take a single part from here for a tree of your own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import attrs
import trio

from actors import events
from actors.acker import Acker
from actors.control import Control
from actors.cores import Cores
from actors.distributor import Distributor
from actors.flows import Flows, light_mib_of
from actors.forkserver import ForkServer
from actors.heartbeat import Heartbeat
from actors.holdings import Holdings
from actors.http import Health, Http
from actors.identity import this_node
from actors.lease import Lease
from actors.log import log
from actors.maintenance.elector import Elector
from actors.maintenance.expirer import Expirer
from actors.maintenance.leader import Leader
from actors.maintenance.pruner import Pruner
from actors.maintenance.registrar import Registrar
from actors.maintenance.reindexer import Reindexer
from actors.maintenance.rescuer import Rescuer
from actors.maintenance.scheduler import Scheduler
from actors.maintenance.stager import Stager
from actors.maintenance.surveyor import Surveyor
from actors.maintenance.sweeper import Sweeper
from actors.maintenance.term import HeldTerm
from actors.metrics import Metrics
from actors.recorder import Recorder
from actors.scribe import Scribe
from actors.store.protocol import Retention, Store
from actors.subscriptions import Subscriptions
from actors.tenure_settings import TenureSettings
from actors.waker import Waker
from actors.worker import Worker
from runtime.child.orders import AppSource
from runtime.child.settings import ChildSettings
from runtime.config import Config
from runtime.config.table import DEFAULT_HTTP_PORT
from runtime.version import our_version


@attrs.frozen(kw_only=True)
class Parts:
    """One node's actors, and what they share. `force` set: stop now, without draining."""

    config: Config
    store: Store
    lease: Lease
    holdings: Holdings
    term: HeldTerm
    heartbeat: Heartbeat
    acker: Acker
    recorder: Recorder
    waker: Waker
    forkserver: ForkServer
    workers: tuple[Worker, ...]
    distributor: Distributor
    elector: Elector
    leader: Leader
    stager: Stager
    expirer: Expirer
    rescuer: Rescuer
    scheduler: Scheduler
    pruner: Pruner
    reindexer: Reindexer
    sweeper: Sweeper
    registrar: Registrar
    surveyor: Surveyor
    control: Control
    scribe: Scribe
    http: Http
    metrics: Metrics
    health: Health
    subscriptions: Subscriptions
    observe: events.Observer
    force: trio.Event

    @property
    def running(self) -> int:
        """How many jobs this node's children hold now."""
        return sum(worker.running for worker in self.workers)


def make_parts(
    config: Config,
    store: Store,
    app: AppSource,
    *,
    observe: events.Observer = events.ignore,
) -> Parts:
    """The actors of a node that serves `app` from `store`.

    Args: app: an import path "package.module:attribute", or the app itself, cloudpickled.
    observe: gets every event, besides the node's own log, metrics and health.
    """
    metrics, health = Metrics(our_version()), Health.of(config)
    subscriptions = Subscriptions()
    told = events.fan_out(metrics.observe, health.observe, log, subscriptions.observe, observe)
    return _Maker(config, store, app, told).make(metrics, health, subscriptions)


def make_upkeep(
    parts: Parts, app: AppSource, spaces: Sequence[tuple[Config, Store]]
) -> list[Parts]:
    """The actors of each of several namespaces that a node serves; only its maintenance is to run.

    Args: parts: of the node, whose lease and work they share. spaces: by namespace, the config with
    it, and its store under the node's id. The gauges of queues are not set, for they know of queues
    and not of namespaces; `headrace_jobs` knows of both.
    """
    made = [_upkeep(parts, app, config, store) for config, store in spaces]
    heard = [each.distributor.hand_on["due"] for each in made]

    def due(what: str) -> None:
        for hear in heard:
            hear(what)

    parts.distributor.hand_on = {**parts.distributor.hand_on, "due": due}
    return made


def _upkeep(parts: Parts, app: AppSource, config: Config, store: Store) -> Parts:
    maker = _Maker(config, store, app, partial(_tell_upkeep, parts.observe), parts.lease)
    made = maker.make(parts.metrics, parts.health, parts.subscriptions)
    made.registrar.kinds = parts.forkserver.kinds
    made.registrar.schedules = parts.forkserver.schedules
    return made


def _tell_upkeep(observe: events.Observer, event: events.Event) -> None:
    if not isinstance(event, events.QueuesMeasured | events.TermBegan | events.TermEnded):
        observe(event)


@attrs.define
class _Maker:
    config: Config
    store: Store
    app: AppSource
    observe: events.Observer
    lease: Lease = attrs.field(factory=Lease)
    holdings: Holdings = attrs.field(factory=Holdings)
    term: HeldTerm = attrs.field(factory=HeldTerm)
    force: trio.Event = attrs.field(factory=trio.Event)
    cores: Cores = attrs.field(init=False)
    recycling: trio.CapacityLimiter = attrs.field(init=False)
    flows: Flows = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.cores = Cores(self.config.worker_count)
        self.recycling = trio.CapacityLimiter(1)  # children recycled at a time
        self.flows = Flows(light_mib_of(self.config.flow_count))

    def make(self, metrics: Metrics, health: Health, subscriptions: Subscriptions) -> Parts:
        config, observe = self.config, self.observe
        forkserver = self._forkserver()
        scribe = Scribe(self.store, observe)
        waker = Waker(self.store, observe)
        acker = Acker(self.store, self.holdings, observe, self.lease, scribe.settle, waker.look_at)
        recorder = Recorder(self.store, self.lease, observe)
        stager = Stager(self.store, observe, self.term)
        scheduler = Scheduler(self.store, observe, self.term)
        distributor = self._distributor()
        workers = tuple(self._workers(forkserver, acker, recorder, distributor, scribe))
        control = Control(self.store, self.lease, self.holdings, distributor, workers, observe)
        heartbeat = self._heartbeat(forkserver)
        distributor.watch.on_queues = heartbeat.serves
        distributor.hand_on = {
            "control": control.hear,
            "wake": waker.hear,
            "due": lambda what: (scheduler if what == "schedule" else stager).due_soon(),
        }
        rescuer = Rescuer(self.store, observe, self.term)
        pruner = Pruner(self.store, _retention(config), observe, self.term)
        surveyor = Surveyor(self.store, observe, config.namespace)
        return Parts(
            config=config,
            store=self.store,
            lease=self.lease,
            holdings=self.holdings,
            term=self.term,
            heartbeat=heartbeat,
            acker=acker,
            recorder=recorder,
            waker=waker,
            forkserver=forkserver,
            workers=workers,
            distributor=distributor,
            elector=Elector(self.store, self.lease, self.term, config.term_seconds, observe),
            leader=Leader(self.term),
            stager=stager,
            expirer=Expirer(self.store, observe, self.term),
            rescuer=rescuer,
            scheduler=scheduler,
            pruner=pruner,
            reindexer=Reindexer(self.store, observe, self.term),
            sweeper=Sweeper(self.store, observe, self.term, config.listens),
            registrar=Registrar(
                self.store, self.lease, forkserver.kinds, forkserver.schedules, observe
            ),
            surveyor=surveyor,
            control=control,
            scribe=scribe,
            http=self._http(metrics, health),
            metrics=metrics,
            health=health,
            subscriptions=subscriptions,
            observe=observe,
            force=self.force,
        )

    def _forkserver(self) -> ForkServer:
        config = self.config
        mib = config.memory_limit_mib
        settings = ChildSettings(
            start_method="spawn" if config.start_method == "spawn" else "fork",
            workers=config.worker_count,
            memory_limit_bytes=mib * 1024 * 1024 if mib else None,
            pin_cpus=config.pin_cores,
            output_limit_bytes=config.payload_limit_bytes,
        )
        return ForkServer(self.app, settings, observe=self.observe)

    def _heartbeat(self, forkserver: ForkServer) -> Heartbeat:
        config = self.config
        names = [each.name for each in config.queues]
        return Heartbeat(
            self.store,
            self.lease,
            this_node(names, config.worker_count),
            lease_seconds=config.lease_seconds,
            heartbeat_seconds=config.heartbeat_seconds,
            on_deadline=partial(_move_deadline, forkserver),
            observe=self.observe,
        )

    def _distributor(self) -> Distributor:
        config = self.config
        return Distributor(
            self.store,
            self.lease,
            self.holdings,
            config.queues,
            poll_seconds=config.poll_seconds,
            poll_only=not config.listens,
            observe=self.observe,
        )

    def _workers(
        self,
        forkserver: ForkServer,
        acker: Acker,
        recorder: Recorder,
        distributor: Distributor,
        scribe: Scribe,
    ) -> list[Worker]:
        """One for each core, one for async handlers, and several a core for light workflows."""
        count = self.config.worker_count
        return [
            self._worker(number, number == count, forkserver, acker, recorder, distributor, scribe)
            for number in range(count + 1 + self.config.flow_count)
        ]

    def _worker(
        self,
        number: int,
        is_async: bool,
        forkserver: ForkServer,
        acker: Acker,
        recorder: Recorder,
        distributor: Distributor,
        scribe: Scribe,
    ) -> Worker:
        config = self.config
        beside = number > config.worker_count
        return Worker(
            number,
            forkserver,
            distributor.seat(f"worker-{number}"),
            acker,
            self.lease,
            distributor.redeal,
            TenureSettings(
                is_async=is_async,
                beside=beside,
                concurrency=config.async_concurrency,
                timeout_seconds=config.timeout_seconds or None,
                grace_seconds=config.kill_grace_seconds,
                recycle_runs=config.recycle_runs,
                recycle_mib=config.recycle_mib,
                max_crashes=config.max_crashes,
            ),
            drain_seconds=config.drain_seconds,
            force=self.force,
            observe=self.observe,
            take_note=scribe.take,
            cores=None if is_async or beside else self.cores,
            recycling=self.recycling,
            new_seat=None if beside else distributor.seat,
            recorder=recorder,
            flows=self.flows,
        )

    def _http(self, metrics: Metrics, health: Health) -> Http:
        config = self.config
        yielding = config.http_port == DEFAULT_HTTP_PORT
        return Http(config.http_host, config.http_port, metrics, health, yielding=yielding)


def _move_deadline(forkserver: ForkServer, deadline: float) -> None:
    """The fork server knows the kernel's monotonic clock, not trio's."""
    left_ns = int((deadline - trio.current_time()) * 1e9)
    forkserver.set_lease_deadline(time.monotonic_ns() + left_ns)


def _retention(config: Config) -> Retention:
    return Retention(
        completed_seconds=config.keep_completed_seconds or None,
        cancelled_seconds=config.keep_cancelled_seconds or None,
        discarded_seconds=config.keep_discarded_seconds or None,
        events_seconds=config.keep_events_seconds or None,
    )
