"""Resources: what the runs of a handler may use, checked where they are given.

Rules: a limit that is reached ends that one run and is named in its failure, with the figures. All
but the timeout are of a process that runs nothing else meanwhile, so they are for plain handlers.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec

from runtime.errors import UsageError
from runtime.handler_options import seconds_of
from runtime.showing import shown

_LOWEST_NICE, _HIGHEST_NICE = 0, 19
_MOST_MIB = 1 << 30  # a pebibyte
_MOST_CORES = 1024


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """What a run may use. Seconds, or a timedelta. None: the node's default, or no limit.

    Attributes:
        timeout: of the run, by the clock on the wall; as `timeout=` of @app.job. 0: none.
        cpu_timeout: CPU seconds of the run, all its threads together, by the clock of its process;
            what it starts as processes of their own is not counted. Then `CpuTimeout` is raised in
            the handler, and after the grace the process is killed, as for a timeout.
        memory_mib: resident memory of its process, the interpreter and the app's imports included.
            Beyond it the process is killed, at once, and the run fails as OutOfMemory. Sampled 4 to
            50 times a second, faster as it comes nearer.
        nice: added to the priority of its process for the time of the run, 0 to 19.
        cores: places of the node that it takes. It waits until they are free, ahead of what comes
            later; a node with fewer cores gives it all of them.
    """

    timeout: float | timedelta | None = None
    cpu_timeout: float | timedelta | None = None
    memory_mib: int | None = None
    nice: int = 0
    cores: int = 1

    def __post_init__(self) -> None:
        seconds_of("timeout", self.timeout)
        if seconds_of("cpu_timeout", self.cpu_timeout) == 0:
            raise UsageError("cpu_timeout is 0: give more than 0 seconds, or None for no limit")
        if self.memory_mib is not None:
            _check("memory_mib", self.memory_mib, 1, _MOST_MIB)
        _check("nice", self.nice, _LOWEST_NICE, _HIGHEST_NICE)
        _check("cores", self.cores, 1, _MOST_CORES)

    @property
    def timeout_seconds(self) -> float | None:
        """The timeout as seconds."""
        return seconds_of("timeout", self.timeout)

    @property
    def cpu_timeout_seconds(self) -> float | None:
        """The CPU timeout as seconds."""
        return seconds_of("cpu_timeout", self.cpu_timeout)

    @property
    def of_process(self) -> bool:
        """Whether anything in here is of a whole process."""
        return bool(self.cpu_timeout or self.memory_mib or self.nice) or self.cores > 1


def _check(name: str, value: object, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise UsageError(f"{name} is a whole number from {least} to {most}, not {shown(value)}")
