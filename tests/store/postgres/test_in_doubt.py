"""in_doubt.sql beside a transaction that completes the job: it never waits for it."""

from __future__ import annotations

from actors.store.bridge import open_bridge
from actors.store.postgres import PostgresStore, session_of
from actors.store.protocol import InDoubt
from runtime.client.completion import Completion, complete
from tests.store.harness import Bench, PostgresHands
from tests.store.tables import NAMESPACE, Tables


async def test_a_run_is_held_until_the_transaction_ends(tables: Tables) -> None:
    async with open_bridge(tables.url, session=session_of(NAMESPACE)) as bridge:
        bench = Bench(PostgresStore(bridge, namespace=NAMESPACE), PostgresHands(tables), [])
        job = await bench.run_one()
        run = (job.id, job.run_number)
        completion = Completion(NAMESPACE, *run, "1")

        with tables.rival() as rival:
            complete(rival, completion)
            assert await bench.store.in_doubt([run]) == InDoubt(held=(run,))
            rival.rollback()
            assert await bench.store.in_doubt([run]) == InDoubt()
            complete(rival, completion)
            rival.commit()

        assert await bench.store.in_doubt([run]) == InDoubt(completed=(run,))
        assert (await bench.store.get(job.id)).output == 1
