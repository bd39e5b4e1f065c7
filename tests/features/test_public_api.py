"""What users of a feature import, and nothing by accident. That it is enough, the documents show: they run."""

from importlib import import_module

import pytest

from pattern_stack import ServiceError

EMBEDDING = ["Clock", "Ids", "add_exception_handlers"]
NAMES = {
    "fleet": [
        "Computer", "EntryTooLarge", "Fleet", "FleetFull", "FleetLimits", "FleetProject", "FleetSession", "FleetSessionBody",
        "FleetSessionNotFound", "InvalidComputer", "SessionIsRemote", "Todo",
    ],
    "notifications": [
        "Alert", "AlertNotFound", "EVERYONE", "InvalidReport", "MemoryStore", "Notification", "NotificationNotFound",
        "Notifications", "Page", "Progress", "ProgressNotFound", "Report", "Retention", "Row", "Run", "RunFinished",
        "RunNotFound", "Store", "SystemStatus", "WorkerProgress",
    ],
    "sessions": [
        "ApplyKit", "Command", "CreateNode", "DeleteNode", "GraphFull", "InvalidCommand", "InvalidParent",
        "InvalidProperty", "InvalidTemplate", "LinkNode", "NodeFull", "NodeNotFound", "NothingToRedo", "NothingToUndo",
        "Outcome", "Project", "ProjectExists", "ProjectInUse", "ProjectNotFound", "ProjectStore", "Session",
        "SessionNotFound", "SessionUnavailable", "Sessions", "SessionsFull", "StoreUnavailable", "Template", "TemplateNotFound",
        "TooManySessions", "UnlinkNode", "UpdateProperty",
    ],
}  # fmt: skip


@pytest.mark.parametrize("feature", NAMES)
def test_the_public_names(feature: str) -> None:
    module = import_module(f"pattern_stack.features.{feature}")
    assert sorted(module.__all__) == sorted([*EMBEDDING, *NAMES[feature]])
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("feature", NAMES)
def test_every_refusal_is_public_and_in_the_tree(feature: str) -> None:
    errors = import_module(f"pattern_stack.features.{feature}.errors")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ServiceError)]
    kinds.remove(ServiceError)
    assert {kind.__name__ for kind in kinds} <= set(NAMES[feature])
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in kinds)


def test_the_inspector_is_a_router_and_nothing_else() -> None:
    assert import_module("pattern_stack.features.inspector").__all__ == ["get_router"]
