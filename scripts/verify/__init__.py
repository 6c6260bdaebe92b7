"""Verification: what `scripts/test` and `scripts/check` run, once their environment is ready."""
