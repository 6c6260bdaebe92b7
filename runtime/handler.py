"""Handler: a function that is the code of a kind. It stays callable, can be enqueued and run.

Two sides use it. A client enqueues it (`runtime.handler_enqueue`). The child runs it: `call`,
`encode_output` and `backoff_for` read and write JSON text and nothing else.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar, cast
from uuid import UUID

from runtime import payload
from runtime.child.context import current, current_job
from runtime.codec.envelope import looks_sealed
from runtime.codec.sealer import Sealer
from runtime.convert import args_decoder, output_decoder
from runtime.errors import UsageError
from runtime.failure_policy import NO_POLICY, ErrorHook, FailurePolicy
from runtime.handler_enqueue import Enqueuer
from runtime.handler_key import KeyFunction, KeySource
from runtime.handler_options import JobOptions
from runtime.handler_signature import Signature
from runtime.injection.registry import Registry, all_of
from runtime.injection.resource import Resource
from runtime.injection.shelf import injecting
from runtime.job import KindInfo, NewJob
from runtime.middleware import Around, check_around, surrounded
from runtime.new_job_layers import AroundEnqueue, passed
from runtime.payload import PayloadLimits
from runtime.resources import Resources
from runtime.unique import Unique
from runtime.workflow import gaps

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


class Home(Protocol):
    """What a handler must know of its app."""

    namespace: str
    limits: PayloadLimits
    policy: FailurePolicy
    sealer: Sealer
    registry: Registry
    enqueue_layers: tuple[AroundEnqueue, ...]

    def run_layers(self, is_async: bool) -> tuple[Around, ...]: ...


class Handler(Enqueuer[P, R]):
    """The function of a kind. Made by `App.job`, as a SyncHandler or an AsyncHandler.

    Args: options: of its jobs, where an enqueue gives none. timeout_seconds: of its runs. policy:
    of its failures, with the app's where it has none. resources: of its runs. key: of its jobs.
    Raises: UsageError, for a function that cannot be a handler.
    """

    is_async = False
    __name__: str
    __qualname__: str

    def __init__(
        self,
        function: Callable[..., Any],
        kind: str,
        home: Home,
        options: JobOptions,
        timeout_seconds: float | None = None,
        policy: FailurePolicy = NO_POLICY,
        resources: Resources = Resources(),  # noqa: B008 - frozen
        key: str | KeyFunction | None = None,
    ) -> None:
        if self.is_async and resources.of_process:
            raise UsageError(
                f"{kind}: async handlers share a process, so of Resources only timeout is theirs"
            )
        super().__init__(self, options)
        functools.update_wrapper(cast("Callable[..., Any]", self), function)
        self.kind = kind
        self._home = home
        self._function = function
        self._timeout_seconds = timeout_seconds
        self._policy = policy
        self._resources = resources
        self._signature = self._signature_of(kind, function)
        self._key = None if key is None else KeySource(self._fields, key)
        self.check_names(options)
        self._layers: tuple[Around, ...] = ()
        self.forget()

    def _signature_of(self, kind: str, function: Callable[..., Any]) -> Signature:
        return Signature(kind, function)

    def forget(self) -> None:
        """Look annotations, and what surrounds the function, up anew when they are needed."""
        self._invoke: Callable[..., Any] = self._function
        self._decode: Callable[[str], Any] = self._first_decode
        self._decode_output: Callable[[str | None], Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for name in ("_decode", "_decode_output", "_invoke"):  # they do not cross processes
            del state[name]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.forget()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.kind}{self._signature}>"

    @property
    def namespace(self) -> str:
        """The PostgreSQL schema in which its jobs live: the app's."""
        return self._home.namespace

    @property
    def limits(self) -> PayloadLimits:
        """How large its payloads may be: the app's."""
        return self._home.limits

    @property
    def sealer(self) -> Sealer:
        """What its args and outputs are stored with: the app's."""
        return self._home.sealer

    def prepare(self) -> None:
        """Look up the annotations now, rather than at the first job. Raises: UsageError."""
        self._decode = self._decoder()
        self._invoke = self._surrounded(self._function)

    def _first_decode(self, text: str) -> Any:
        self.prepare()
        return self._decode(text)

    @property
    def _fields(self) -> Signature:
        """What its jobs' args are, as a signature."""
        return self._signature

    def _decoder(self) -> Callable[[str], Any]:
        return args_decoder(self._signature)

    def _output_decoder(self) -> Callable[[str | None], Any]:
        return output_decoder(self._signature)

    def given(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        """See Target."""
        return self._signature.bind(args, kwargs)

    def resources(self) -> tuple[Resource, ...]:
        """The resources that its runs need, each after what it needs itself. Raises: UsageError."""
        return tuple(dict.fromkeys(all_of(self.needs)))

    @property
    def needs(self) -> Mapping[str, Resource]:
        """The resource of each parameter that is injected. Raises: UsageError."""
        injected = self._signature.injected
        if not injected:
            return {}
        registry = self._home.registry
        return registry.needs(self.kind, self._function, injected, is_async=self.is_async)

    def parted(self, kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[Resource, Any]]:
        """Keyword args of a call: the job's, and what stands in for its resources."""
        needs = self.needs
        args = {name: value for name, value in kwargs.items() if name not in needs}
        return args, {needs[name]: value for name, value in kwargs.items() if name in needs}

    def around_run(self, function: F) -> F:
        """As `App.around_run`, for this handler alone, inside those of the app.

        Raises: UsageError, for what cannot be a middleware of it.
        """
        check_around(function, is_async=self.is_async)
        self._layers += (function,)
        self.forget()
        return function

    def _surrounded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The way of a call. Without resources and middleware it is the function itself."""
        needs = self.needs
        if needs and self.is_async:
            from runtime.injection.tending import injecting_async  # asyncio costs 30 ms

            function = injecting_async(function, needs)
        elif needs:
            function = injecting(function, needs)
        layers = (*self._home.run_layers(self.is_async), *self._layers)
        return surrounded(function, layers, self._signature) if layers else function

    def _check_given(self, kwargs: Mapping[str, Any]) -> None:
        """Called directly, a handler gets its resources from the caller. Raises: UsageError."""
        for parameter in self._signature.injected:
            if parameter.name not in kwargs:
                raise UsageError(
                    f"{self.kind}: {parameter.name} is injected into jobs; give it to a direct call"
                )

    def encode_args(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """The args as JSON text; what the child would refuse is refused here.

        Raises: ArgsInvalid, PayloadInvalid, PayloadTooLarge.
        """
        text = payload.encode("args", self.given(args, kwargs))
        self._decode(text)
        return text

    def passed_layers(self, job: NewJob) -> NewJob:
        """See Target. What comes out is held to the signature, too. Raises: ArgsInvalid."""
        layers = self._home.enqueue_layers
        if not layers:
            return job
        made = passed(job, layers, self.limits)
        if made.args != job.args:
            self._decode(made.args)
        return made

    def key_of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
        """See Target."""
        return None if self._key is None else self._key.of(args, kwargs)

    def check_names(self, options: JobOptions) -> None:
        """See Target."""
        if isinstance(options.unique, Unique) and self._fields.extra is None:
            known = [parameter.name for parameter in self._fields.parameters]
            for name in options.unique.names:
                if name not in known:
                    raise UsageError(
                        f"{self.kind}{self._fields}: unique names {name!r}, which is no arg of it"
                    )

    def info(self) -> KindInfo:
        """What a node must know of this handler without importing the app."""
        policy, resources = self._policy, self._resources
        return KindInfo(
            self.kind,
            self.is_async,
            self._timeout_seconds,
            policy.plain_backoff,
            policy.max_crashes,
            policy.nodes_own,
            resources.cpu_timeout_seconds,
            resources.memory_mib,
            resources.nice,
            resources.cores,
        )

    def call(self, args_json: str, /) -> Any:
        """Call the function with args from JSON text; a coroutine if it is async.

        Raises: ArgsInvalid and CodecError, before the function begins; whatever it raises.
        """
        if looks_sealed(args_json):
            args_json = self.open_args(args_json, current_job().id)
        if args_json.startswith(gaps.MARK):
            return self._call_with_inputs(args_json)
        args, kwargs = self._decode(args_json)
        return self._invoke(*args, **kwargs)

    def _call_with_inputs(self, args_json: str) -> Any:
        """Call it with outputs of other jobs among its args."""
        body = gaps.body_of(args_json)
        frame, desk = current_job().run_and_desk
        if body is None:
            return self._called(args_json)
        flow: gaps.Flow = gaps.asks(body, frame.seq)
        answer: Any = None
        if self.is_async:
            return self._call_when_answered(body, flow, desk)
        try:
            while True:
                answer = desk.ask(flow.send(answer)).wait()
        except StopIteration as stop:
            return self._called(gaps.filled(body, stop.value, self._opened_output))

    async def _call_when_answered(self, body: gaps.Body, flow: gaps.Flow, desk: Any) -> Any:
        answer: Any = None
        while True:
            try:
                ask = flow.send(answer)
            except StopIteration as stop:
                text = gaps.filled(body, stop.value, self._opened_output)
                break
            answer = await desk.ask(ask)
        return await self._called(text)

    def _called(self, args_json: str) -> Any:
        args, kwargs = self._decode(args_json)
        return self._invoke(*args, **kwargs)

    def _opened_output(self, text: str, kind: str, job_id: UUID) -> str:
        return self.sealer.unseal("output", text, kind, job_id)

    def open_args(self, text: str, job_id: UUID, /) -> str:
        """A job's args as they were before they were sealed. Raises: CodecError."""
        context = current.get(None)  # its kind may be an alias
        kind = self.kind if context is None else context.kind
        return self.sealer.unseal("args", text, kind, job_id)

    def encode_output(self, value: Any, /) -> str | None:
        """The output of the current job as it is stored; None for None.

        Its size is judged where the node's own limits are known: at the Store. That of what lies in
        an envelope is judged here. Raises: PayloadInvalid, PayloadTooLarge.
        """
        if value is None:
            return None
        text, sealer = payload.encode("output", value), self.sealer
        if not sealer:
            return sealer.unreserved("output", text)
        payload.check_size("output", text, self.limits)
        job = current_job()
        return sealer.seal("output", text, job.kind, job.id)

    def decode_output(self, text: str | None) -> R:
        """An output, as the return annotation has it. Raises: OutputInvalid."""
        if self._decode_output is None:
            self._decode_output = self._output_decoder()
        output: R = self._decode_output(text)
        return output

    def backoff_for(self, attempt: int, error: BaseException, /) -> float | None:
        """Seconds by the policy for this error; None: use `info().backoff`."""
        return self._policy.delay_seconds(self.kind, attempt, error)

    def gives_up_on(self, error: BaseException, /) -> bool:
        """Whether such an error is not retried, whatever attempts are left."""
        return self._policy.gives_up(error)

    @property
    def error_hooks(self) -> tuple[ErrorHook, ...]:
        """Who is told of an error, in this order: its own hook, and its app's."""
        hooks = (self._policy.on_error, self._home.policy.on_error)
        return tuple(hook for hook in hooks if hook is not None)


class SyncHandler(Handler[P, R]):
    """A handler that is a plain function."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, here and now; no job is made."""
        self._check_given(kwargs)
        output: R = self._function(*args, **kwargs)
        return output


class AsyncHandler(Handler[P, R]):
    """A handler that is an `async def` function."""

    is_async = True

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Call the function itself; no job is made."""
        self._check_given(kwargs)
        coroutine: Coroutine[Any, Any, R] = self._function(*args, **kwargs)
        return coroutine
