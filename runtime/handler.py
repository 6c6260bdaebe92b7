"""Handler: a function that is the code of a kind. It stays callable, can be enqueued and run.

Two sides use it. A client enqueues it (`runtime.handler_enqueue`). The child runs it: `call`,
`encode_output` and `backoff_for` read and write JSON text and nothing else.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ParamSpec, Protocol, TypeVar, cast
from uuid import UUID

from runtime import payload
from runtime.child.context import current_job
from runtime.codec.envelope import looks_sealed
from runtime.codec.sealer import Sealer
from runtime.convert import Arguments, args_decoder, output_decoder
from runtime.errors import UsageError
from runtime.failure_policy import NO_POLICY, ErrorHook, FailurePolicy
from runtime.handler_enqueue import Enqueuer
from runtime.handler_key import KeyFunction, KeySource
from runtime.handler_options import JobOptions
from runtime.handler_signature import Signature
from runtime.job import KindInfo
from runtime.payload import PayloadLimits
from runtime.resources import Resources
from runtime.unique import Unique

P = ParamSpec("P")
R = TypeVar("R")


class Home(Protocol):
    """What a handler must know of its app."""

    namespace: str
    limits: PayloadLimits
    policy: FailurePolicy
    sealer: Sealer


class Handler(Enqueuer[P, R]):
    """The function of a kind. Made by `App.job`, as a SyncHandler or an AsyncHandler.

    Args: options: of its jobs, where an enqueue gives none. timeout_seconds: of its runs. policy: of
    its failures, with the app's where it has none. resources: of its runs. key: of its jobs.
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
        self._signature = Signature(kind, function)
        self._key = None if key is None else KeySource(self._signature, key)
        self.check_names(options)
        self._forget()

    def _forget(self) -> None:
        self._decode: Callable[[str], Arguments] = self._first_decode
        self._decode_output: Callable[[str | None], Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["_decode"], state["_decode_output"]  # decoders do not cross processes
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

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
        self._decode = args_decoder(self._signature)

    def _first_decode(self, text: str) -> Arguments:
        self.prepare()
        return self._decode(text)

    def encode_args(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """The args as JSON text; what the child would refuse is refused here.

        Raises: ArgsInvalid, PayloadInvalid, PayloadTooLarge.
        """
        text = payload.encode("args", self._signature.bind(args, kwargs))
        self._decode(text)
        return text

    def key_of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
        """See Target."""
        return None if self._key is None else self._key.of(args, kwargs)

    def check_names(self, options: JobOptions) -> None:
        """See Target."""
        if self._signature.extra is None and isinstance(options.unique, Unique):
            known = [parameter.name for parameter in self._signature.parameters]
            for name in options.unique.names:
                if name not in known:
                    raise UsageError(
                        f"{self.kind}{self._signature}: unique names {name!r}, which is no arg of it"
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
        args, kwargs = self._decode(args_json)
        return self._function(*args, **kwargs)

    def open_args(self, text: str, job_id: UUID, /) -> str:
        """A job's args as they were before they were sealed. Raises: CodecError."""
        return self.sealer.unseal("args", text, self.kind, job_id)

    def seal_output(self, text: str, job_id: UUID, /) -> str:
        """The JSON text of a job's output as it is stored. Raises: PayloadInvalid."""
        return self.sealer.seal("output", text, self.kind, job_id)

    def encode_output(self, value: Any, /) -> str | None:
        """The output as JSON text; None for None. Raises: PayloadInvalid.

        Its size is judged where the node's own limits are known: at the Store.
        """
        return None if value is None else payload.encode("output", value)

    def decode_output(self, text: str | None) -> R:
        """An output, as the return annotation has it. Raises: OutputInvalid."""
        if self._decode_output is None:
            self._decode_output = output_decoder(self._signature)
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
        output: R = self._function(*args, **kwargs)
        return output


class AsyncHandler(Handler[P, R]):
    """A handler that is an `async def` function."""

    is_async = True

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Call the function itself; no job is made."""
        coroutine: Coroutine[Any, Any, R] = self._function(*args, **kwargs)
        return coroutine
