"""Campaigns of faults (`scripts/chaos NAME`): real nodes, real children, a real PostgreSQL.

    plan of faults ─▶ site (processes) ─▶ history (what happened) ─▶ checker (pure) ─▶ report

Each campaign is a module with `options`, for its flags, and `run`, which returns the history.
"""
