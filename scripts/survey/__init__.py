"""The demo: every module of the running Python's standard library is surveyed in a job of its own.

    modules ─▶ jobs (one transaction) ─▶ a node on all cores ─▶ outputs ─▶ report
                  and two bad ones among them

And the same as one workflow (`scripts/demo workflow`): `workflow_app`, `workflow_demo`.

`measure` is the work, and knows nothing of jobs. `app` makes handlers of it. The rest starts a
database and a node, watches, and tells what came out.
"""
