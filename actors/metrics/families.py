"""The metrics of the table, made in a registry of their own, with their labelled series cached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

from actors.metrics.table import TABLE, Metric, MetricKind
from actors.metrics.tally import Tally, TallyFamily

_CLASSES: dict[MetricKind, Callable[..., Any]] = {
    MetricKind.COUNTER: Counter,
    MetricKind.GAUGE: Gauge,
    MetricKind.HISTOGRAM: TallyFamily,
}


class Families:
    """All metric families. One series is had by `counter`, `gauge` or `histogram`.

    Finding a series by its labels takes the library 1.1 us, and this cache 0.2 us.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._families = {metric.name: _make(metric, registry) for metric in TABLE}
        self._series: dict[tuple[str, ...], Any] = {}
        for metric in TABLE:
            if not metric.labels:
                self._find((metric.name,))  # so that it is shown as 0 from the start

    def counter(self, name: str, *labels: str) -> Counter:
        """One counter."""
        series: Counter = self._find((name, *labels))
        return series

    def gauge(self, name: str, *labels: str) -> Gauge:
        """One gauge."""
        series: Gauge = self._find((name, *labels))
        return series

    def histogram(self, name: str, *labels: str) -> Tally:
        """One histogram."""
        series: Tally = self._find((name, *labels))
        return series

    def forget(self, name: str) -> None:
        """Drop all series of a labelled family."""
        self._families[name].clear()
        self._series = {key: series for key, series in self._series.items() if key[0] != name}

    def forget_series(self, name: str, *labels: str) -> None:
        """Drop one series of a labelled family, if there is such a one."""
        if self._series.pop((name, *labels), None) is not None:
            self._families[name].remove(*labels)

    def _find(self, key: tuple[str, ...]) -> Any:
        series = self._series.get(key)
        if series is None:
            family = self._families[key[0]]
            series = self._series[key] = _series_of(family, key[1:])
        return series


def _series_of(family: Any, labels: tuple[str, ...]) -> Any:
    return family.labels(*labels) if labels or isinstance(family, TallyFamily) else family


def _make(metric: Metric, registry: CollectorRegistry) -> Any:
    more = {"buckets": metric.buckets} if metric.buckets else {}
    make = _CLASSES[metric.kind]
    return make(metric.name, metric.help, metric.labels, registry=registry, **more)
