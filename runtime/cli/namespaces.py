"""`namespace`: make, list, disable, enable or drop namespaces."""

from __future__ import annotations

import attrs
import click

from runtime.cli.options import as_json, configured
from runtime.cli.output import print_json, print_table, say
from runtime.cli.session import reachable, run_with_bridge, run_with_client
from runtime.config import Settings

_name = click.argument("name")


@click.group()
def namespace() -> None:
    """Make, list, disable, enable or drop namespaces: each has its own tables."""


@namespace.command("create")
@configured()
@_name
@as_json
def create(settings: Settings, name: str, as_json: bool) -> None:
    """Make a namespace with all tables; one that is there is brought to this version."""
    from actors.store.namespaces import create_namespace

    with reachable(settings.config) as config:
        applied = run_with_bridge(
            attrs.evolve(config, namespace=name), lambda bridge: create_namespace(bridge, name)
        )
    if as_json:
        print_json({"name": name, "created": bool(applied)})
    else:
        say(f"namespace {name} is ready" if applied else f"namespace {name} was there already")


@namespace.command("list")
@configured()
@as_json
def list_namespaces(settings: Settings, as_json: bool) -> None:
    """List all namespaces of the database."""
    found = run_with_client(settings, lambda client: client.namespaces.list(), check=False)
    if as_json:
        print_json(found)
        return
    rows = [
        (each.name, "disabled" if each.disabled else "enabled", each.version, each.nodes)
        for each in found
    ]
    print_table(("NAMESPACE", "STATE", "VERSION", "NODES"), rows)


@namespace.command("disable")
@configured()
@_name
@as_json
def disable(settings: Settings, name: str, as_json: bool) -> None:
    """Claim nothing in a namespace and refuse each enqueue there. What runs goes on."""
    own = attrs.evolve(settings, config=attrs.evolve(settings.config, namespace=name))
    changed = run_with_client(own, lambda client: client.namespaces.disable(name))
    _say(name, "disabled", changed, as_json)


@namespace.command("enable")
@configured()
@_name
@as_json
def enable(settings: Settings, name: str, as_json: bool) -> None:
    """Undo disable."""
    own = attrs.evolve(settings, config=attrs.evolve(settings.config, namespace=name))
    changed = run_with_client(own, lambda client: client.namespaces.enable(name))
    _say(name, "enabled", changed, as_json)


@namespace.command("drop")
@configured()
@_name
@click.option("--yes", is_flag=True, help="Without this, nothing is dropped.")
@as_json
def drop(settings: Settings, name: str, yes: bool, as_json: bool) -> None:
    """Drop a namespace with all its jobs. Refused while nodes live in it."""
    from actors.store.namespaces import drop_namespace

    if not yes:
        raise click.UsageError(f"this loses all jobs of {name}: say --yes")
    with reachable(settings.config) as config:
        gone = run_with_bridge(
            attrs.evolve(config, namespace=name), lambda bridge: drop_namespace(bridge, name)
        )
    if as_json:
        print_json({"name": name, "dropped": True, "schema_left": not gone})
    else:
        left = "" if gone else "; its schema holds other objects, and is left"
        say(f"dropped {name}{left}")


def _say(name: str, state: str, changed: bool, as_json: bool) -> None:
    if as_json:
        print_json({"name": name, "state": state, "changed": changed})
    else:
        say(f"namespace {name} {'is' if changed else 'was'} {state}")
