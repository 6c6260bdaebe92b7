"""Resources: what handlers need besides their args, made in the child and cleaned up there.

    resource   what a provider is
    registry   an app's resources: which one a parameter asks for, circles, scopes
    shelf      what is set up in a child for plain handlers, and one run's use of it
    tending    the same for `async def` handlers, where runs share a set-up that goes on

Rules: a resource of scope "child" is set up once a child, at its first need or, if `eager`, before
its first run; one of scope "run" for each run. Clean-up goes in reverse. A set-up that fails is the
failure of the run that needed it, and is tried again by the next. A child that is killed cleans up
nothing; one that ends has a second for it.
"""

from runtime.injection.resource import Resource, Scope

__all__ = ["Resource", "Scope"]
