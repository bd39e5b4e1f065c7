"""A link that fails goes on trying, whatever happens while the reason is looked for."""

from typing import Any

import pytest

from pattern_stack.atoms.postgres import Link
from tests.support.ports import free_port


class Nobody:
    async def connected(self, *_: Any) -> None: ...

    def notified(self, name: str, data: bytes) -> None: ...

    async def restored(self) -> None: ...


async def test_a_link_tries_on_where_no_reason_can_be_found(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(*_: object) -> None:
        raise ValueError("of the reason")

    monkeypatch.setattr("pattern_stack.atoms.postgres.link.refusal", fails)
    link = Link(f"postgresql://127.0.0.1:{free_port()}/x", Nobody(), "name")
    await link.start()
    assert link._task
    assert not link._task.done()
    await link.stop()
    assert "of the reason" in caplog.text
