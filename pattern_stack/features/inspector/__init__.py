"""The inspector: why a client sees nothing, on a page and in a terminal. docs/inspector.md explains it.

app.include_router(inspector.get_router(broadcast, dependencies=[Depends(require_admin)]))
"""

from pattern_stack.features.inspector.router import get_router

__all__ = ["get_router"]
