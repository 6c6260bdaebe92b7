"""A program that uses an embedded server, for tests that kill programs: `attacher.py DATA_DIR`.

Prints one line of JSON when it has attached, then does what the lines on its standard input say:
`close`, `ensure`, `fork` (close the server in a forked child), `stay` (fork a child that stays,
with copies of all that we hold). It answers each with a line. At the end of its input it exits
without closing anything. On SIGINT it makes a table in the database, as a program that drains
might, and exits with status 9.
"""

import json
import os
import signal
import sys
from pathlib import Path

from runtime.embedded import Server

forked: list[int] = []


def main() -> None:
    data_dir = None if sys.argv[1] == "default" else Path(sys.argv[1])
    server = Server.attach(data_dir, settings={"fsync": "off"})  # soon made, soon gone
    try:
        report(server)
        for line in sys.stdin:
            act(line.strip(), server)
            report(server)
    except KeyboardInterrupt:
        drain(server)
        sys.exit(9)


def report(server: Server) -> None:
    """Say what we see of the server."""
    seen = {
        "url": server.url,
        "data_dir": str(server.data_dir),
        "started_it": server.started_it,
        "guardian": server.guardian_pid,
        "postmaster": server.postmaster_pid,
        "forked": forked,
    }
    print(json.dumps(seen), flush=True)


def act(order: str, server: Server) -> None:
    """Do as we're told."""
    if order == "stay":
        if (pid := os.fork()) == 0:
            signal.pause()
        forked.append(pid)
    elif order == "fork":
        if (pid := os.fork()) == 0:
            server.close()
            os._exit(0)
        os.waitpid(pid, 0)
    else:
        getattr(server, order)()


def drain(server: Server) -> None:
    """Show that the database outlives the signal."""
    import psycopg

    with psycopg.connect(server.url) as connection:
        connection.execute("create table drained ()")


if __name__ == "__main__":
    main()
