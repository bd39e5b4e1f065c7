"""The longest turn of the event loop, in CPU time, of each call of sessions on a big graph. In this process, without sockets."""

import asyncio
import gc
import tempfile
import time
from asyncio.events import Handle
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Any

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.atoms.steps import collect
from pattern_stack.atoms.turns import in_turns
from pattern_stack.features.sessions import (
    ApplyKit,
    CreateNode,
    DeleteNode,
    LinkNode,
    Session,
    Sessions,
    UpdateProperty,
)
from pattern_stack.features.sessions.sql import SQLStore


class Longest:
    """The CPU time of the longest turn since it was set to 0, in seconds."""

    seconds = 0.0


@contextmanager
def timed_turns() -> Iterator[type[Longest]]:
    """Every call-back of asyncio's own loop is timed until the block ends."""
    run = Handle._run

    def timed(handle: Handle) -> None:
        began = time.thread_time()
        run(handle)
        Longest.seconds = max(Longest.seconds, time.thread_time() - began)

    Handle._run = timed  # type: ignore[method-assign]
    try:
        yield Longest
    finally:
        Handle._run = run  # type: ignore[method-assign]


async def grown(sessions: Sessions, nodes: int) -> tuple[Session, str, str]:
    """A session with so many nodes, most of them under one root, which is returned with another root."""
    session = sessions.create()

    async def node(name: str) -> str:
        made = await sessions.execute(session.id, CreateNode(blueprint_type_id="task", name=name))
        assert made.node_id
        return made.node_id

    top, kit = await node("top"), await node("kit")
    for number in range(99):
        child = CreateNode(blueprint_type_id="task", name=f"Task {number}", parent_id=kit)
        await sessions.execute(session.id, child)
    while len(session.document.graph) < nodes:
        part = await node("part")
        await sessions.execute(session.id, ApplyKit(target_id=part, kit_root_id=kit))
        await sessions.execute(session.id, UpdateProperty(node_id=part, property_id="description", value="a kit"))
        await sessions.execute(session.id, LinkNode(parent_id=top, child_id=part))
    return session, top, await node("target")


async def _measure(nodes: int, many: int) -> None:
    with tempfile.TemporaryDirectory() as directory, timed_turns() as longest:
        sessions = Sessions(WebSocketBroadcastBackend(), store=SQLStore(f"sqlite+aiosqlite:///{directory}/projects.db"))
        session, top, target = await grown(sessions, nodes // 2)

        async def measure(name: str, work: Awaitable[Any]) -> None:
            gc.collect()
            await asyncio.sleep(0.01)
            longest.seconds, began = 0.0, time.perf_counter()
            await work
            took = time.perf_counter() - began
            await asyncio.sleep(0)
            print(f"  {name:24} {longest.seconds * 1000:6.2f} ms, of {took * 1000:7.1f} ms", flush=True)

        print(f"the longest turn, on {nodes:,} nodes and {many:,} sessions", flush=True)
        await measure("clone a half", sessions.execute(session.id, ApplyKit(target_id=target, kit_root_id=top)))
        await measure("undo it", sessions.undo(session.id))
        await measure("redo it", sessions.redo(session.id))
        await measure("encode the graph", sessions.graph(session.id))
        await measure("delete a half", sessions.execute(session.id, DeleteNode(node_id=target)))
        await measure("undo that", sessions.undo(session.id))
        await measure("create a project", sessions.projects.create("restomod", "P", session.id))
        assert session.project
        await measure("save it", sessions.projects.save(session.project.project_id))
        await measure("load it", sessions.projects.load(session.id, session.project.project_id))
        for _ in range(many):
            sessions.create()
        await measure("list the sessions", in_turns(collect(_summaries(sessions), piece=64)))
        await measure("clean them up", sessions.clean_up(-1))
        await sessions.projects.close()


def _summaries(sessions: Sessions) -> Iterator[str]:
    return (session.summary.model_dump_json() for session in sessions.all())


def measure_turns(nodes: int, many: int) -> None:
    asyncio.run(_measure(nodes, many))
