"""What the kit raises. The name a class carries is the path of the child or supervisor meant."""


class SupervisionError(Exception):
    """Supervision failed; `name` is the path of whom it is about, `__cause__` the reason."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        cause = self.__cause__
        because = "" if cause is None else f" Cause: {type(cause).__name__}: {cause}"
        return f"{self.name}: {type(self).__doc__}{because}"


class SupervisorEscalated(SupervisionError):
    """More restarts were needed than the supervisor's intensity allows."""


class ChildStartFailed(SupervisionError):
    """The child's first start did not complete."""


class ChildStartTimedOut(SupervisionError):
    """The child did not call started() within its start_seconds."""


class PermanentChildReturned(SupervisionError):
    """The child returned, although its restart type is permanent."""


class SupervisorNotRunning(SupervisionError):
    """The supervisor is not running, or is stopping: it takes no children."""
