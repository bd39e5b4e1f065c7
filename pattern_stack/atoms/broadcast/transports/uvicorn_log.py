"""Lines of this package appear where uvicorn's do, unless the application has set up logging by itself."""

import logging


def follow_uvicorn() -> None:
    """uvicorn sets up its own loggers alone: without this, lines below WARNING would go nowhere. Nothing is changed where the
    root logger or that of this package has a handler or a level."""
    ours, servers = logging.getLogger("pattern_stack"), logging.getLogger("uvicorn")
    if servers.handlers and not ours.handlers and ours.level == logging.NOTSET and not logging.getLogger().handlers:
        ours.handlers = list(servers.handlers)
        ours.setLevel(servers.level)
