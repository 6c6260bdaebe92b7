"""Metrics of a node for Prometheus: `table` says which there are, `Metrics` counts them.

Labels are bounded: queue, kind, field, cause and reason; never a job's id.
"""

from actors.metrics.recorder import Metrics
from actors.metrics.table import TABLE, Metric

__all__ = ["TABLE", "Metric", "Metrics"]
