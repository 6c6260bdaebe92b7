"""Durable workflows: ordinary functions whose every operation is recorded, and replayed.

Rules: nothing here knows trio, the database or an actor. A workflow runs in a child; what it does
crosses the wire as an ask (`runtime.workflow.records`), and its history comes back as an answer.
"""
