"""/metrics of create_app(): this process, in the text format of Prometheus. It needs the extra `metrics`."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from pattern_stack.atoms.broadcast.instance.meters import create_meters

try:
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from opentelemetry.sdk.metrics import MeterProvider
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
except ImportError:  # without the extra
    CollectorRegistry = None  # type: ignore[assignment, misc]

_registry: Any = None


def get_router() -> APIRouter:
    """GET /metrics; no route where the extra `metrics` is not installed."""
    router = APIRouter()
    if CollectorRegistry is not None:
        registry = _own_registry()

        @router.get("/metrics", include_in_schema=False)
        async def metrics() -> Response:
            return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


def _own_registry() -> Any:
    """One for the process, apart from the application's: its own meters and exporters stay as they are."""
    global _registry
    if _registry is None:
        _registry = CollectorRegistry()
        reader = PrometheusMetricReader(disable_target_info=True, scope_info_enabled=False, registry=_registry)
        create_meters(MeterProvider([reader]).get_meter("pattern_stack"))
    return _registry
