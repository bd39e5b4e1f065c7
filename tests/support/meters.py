"""What an application's own OpenTelemetry SDK collects."""

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from pattern_stack.atoms.broadcast.instance.meters import create_meters

Readings = dict[str, float]


class Meters:
    """Totals since it was made: those of counters, and how many values a histogram has."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        create_meters(MeterProvider([self._reader]).get_meter("test"))
        self._before: Readings = {}
        self._before = self.read()

    def read(self) -> Readings:
        """By name and labels; totals since the start of the test."""
        data = self._reader.get_metrics_data()
        found: Readings = {}
        for metric in data.resource_metrics[0].scope_metrics[0].metrics if data else ():
            name = metric.name.removeprefix("pattern_stack_")
            for point in metric.data.data_points:
                labels = "".join(f"{{{value}}}" for value in (point.attributes or {}).values())
                value: float = point.value if hasattr(point, "value") else point.count  # type: ignore[union-attr]
                found[name + labels] = value - (self._before.get(name + labels, 0) if "_total" in name else 0)
        return found

    def changed(self) -> Readings:
        """What is not 0: counters, and by how much connections, subscriptions and channels have changed."""
        read = self.read()
        totals = {name: value for name, value in read.items() if "_total" in name}
        gauges = {name: read[name] - self._before.get(name, 0) for name in ("connections", "subscriptions", "channels")}
        return {name: value for name, value in {**totals, **gauges}.items() if value}
