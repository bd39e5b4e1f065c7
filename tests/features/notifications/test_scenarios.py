"""The twenty scenarios, over real sockets."""

import logging

import pytest

from tests.features.notifications.world import World


async def test_01_a_global_info_reaches_all_with_its_id(world: World) -> None:
    async with world.clients((), (), ()) as everyone:
        sent = await world.notifications.send("Backup", "is done", metadata={"gb": 12})
        for one in everyone:
            event = await one.event()
            assert (event["channel"], event["event"]) == ("notifications", "notification")
            assert event["payload"] == {
                "id": sent.id,
                "type": "info",
                "title": "Backup",
                "message": "is done",
                "timestamp": "2026-11-21T07:00:00.000000Z",
                "session_id": None,
                "metadata": {"gb": 12},
                "acknowledged": False,
            }
            await one.nothing_more()


async def test_02_a_high_alert(world: World) -> None:
    async with world.client() as one:
        status, published = await world.ask("POST", "/alerts", {"severity": "high", "title": "Disk full"})
        event = await one.event()
        assert (status, event["event"], event["payload"]) == (201, "alert", published)
        assert (published["severity"], published["title"], published["resolved"]) == ("high", "Disk full", False)


async def test_03_start_of_ten_then_five(world: World) -> None:
    run = world.session()
    async with world.client(run) as one:
        await world.notifications.start_progress(run, 10, "reading")
        world.clock.move(30)
        await world.notifications.update_progress(run, 5, "writing")
        first, second = [(await one.event())["payload"] for _ in range(2)]
        assert (first["progress_percentage"], first["step_name"]) == (0.0, "reading")
        assert (first["remaining_time"], first["estimated_completion"]) == (None, None)
        assert (second["progress_percentage"], second["step_name"]) == (50.0, "writing")
        assert (second["elapsed_time"], second["remaining_time"]) == (30.0, 30.0)
        assert second["timestamp"] < second["estimated_completion"]
        await one.nothing_more()


async def test_04_without_a_session_every_connection_gets_it(world: World) -> None:
    run = world.session()
    async with world.clients((run,), (), (world.session(),)) as everyone:
        await world.ask("POST", "/notifications", {"title": "to all", "type": "warning"})
        assert [(await one.event())["payload"]["title"] for one in everyone] == ["to all"] * 3
        for one in everyone:
            await one.nothing_more()


async def test_05_three_on_one_session_three_copies(world: World) -> None:
    run = world.session()
    async with world.clients((run,), (run,), (run,)) as everyone:
        await world.notifications.send("hello", session_id=run)
        events = [await one.event() for one in everyone]
        assert events == [events[0]] * 3
        for one in everyone:
            await one.nothing_more()


async def test_06_each_gets_what_it_subscribed_to(world: World) -> None:
    s1, s2 = world.session(), world.session()
    async with world.clients((s1,), (s2,), (s1, s2)) as everyone:
        for session in (s1, s2):
            await world.notifications.send("hello", session_id=session)
        for one, count in zip(everyone, (1, 1, 2), strict=True):
            await one.take(count)
            await one.nothing_more()


async def test_07_ten_rapid(world: World) -> None:
    async with world.client() as one:
        for number in range(10):
            await world.notifications.send(f"{number}")
        assert [(await one.event())["payload"]["title"] for _ in range(10)] == [str(number) for number in range(10)]
        await one.nothing_more()


async def test_08_subscribe_and_unsubscribe_are_acknowledged_and_registered(world: World) -> None:
    run = world.session()
    channel = f"notifications:{run}"
    async with world.client() as one:
        assert channel in await one.subscribe(channel)
        assert (world.on(run), channel in world.backend.get_all_channels()) == (1, True)
        assert (await one.ask({"unsubscribe": [channel]}))["unsubscribed"] == [channel]
        assert (world.on(run), channel in world.backend.get_all_channels()) == (0, False)


async def test_09_only_a_subscriber_gets_progress(world: World) -> None:
    run = world.session()
    async with world.clients((run,), ()) as (watcher, other):
        await world.notifications.start_progress(run, 3)
        await world.notifications.update_progress(run, 1)
        assert [(await watcher.event())["event"] for _ in range(2)] == ["progress-update"] * 2
        await other.nothing_more()


async def test_10_one_client_on_three_sessions(world: World) -> None:
    runs = [world.session() for _ in range(3)]
    async with world.client(*runs) as one:
        for run in runs:
            await world.notifications.start_progress(run, 3)
        assert [(await one.event())["payload"]["session_id"] for _ in runs] == runs
        await one.nothing_more()


async def test_11_after_a_disconnect_connection_and_channel_are_gone(world: World) -> None:
    run = world.session()
    async with world.client(run) as one:
        assert world.backend.get_total_connections() == 1
        await one.socket.close()
        await world.connections(0)
        assert world.backend.get_all_channels() == []


async def test_12_a_drop_and_a_return_leave_the_new_connection_alone(world: World) -> None:
    s1, s2 = world.session(), world.session()
    async with world.client(s1, s2) as first:
        first.cut()
        async with world.client(s1, s2):
            await world.connections(1)
            assert (world.on(s1), world.on(s2)) == (1, 1)


async def test_13_a_subscriber_at_five_of_ten_gets_that_state_first(world: World) -> None:
    run = world.session()
    await world.notifications.start_progress(run, 10)
    moved = await world.notifications.update_progress(run, 5)
    async with world.client() as one:
        await one.subscribe(f"notifications:{run}")
        snapshot = await one.event()
        assert snapshot["event"] == "snapshot"
        assert snapshot["payload"] == {"session_id": run, "progress": moved.payload, "run": None}
        assert snapshot["payload"]["progress"]["progress_percentage"] == 50.0


async def test_14_recovery_replays_exactly_what_was_missed(world: World) -> None:
    run = world.session()
    channel = f"notifications:{run}"
    await world.notifications.start_progress(run, 10)
    async with world.client() as one:
        place = (await one.subscribe(channel))[channel]
    await world.connections(0)
    for step in range(1, 6):
        await world.notifications.update_progress(run, step)
    async with world.client() as one:
        assert (await one.subscribe(channel, since={channel: place}))[channel]["recovered"] is True
        assert [(await one.event())["payload"]["current_step"] for _ in range(5)] == [1, 2, 3, 4, 5]
        await one.nothing_more()


async def test_15_ping_gets_pong_with_a_timestamp(world: World) -> None:
    async with world.client() as one:
        await one.send({"ping": 17})
        pong = await one.receive()
        assert pong["pong"] == 17
        assert pong["timestamp"].endswith("Z")


async def test_16_one_socket_fails_and_the_others_receive(world: World, caplog: pytest.LogCaptureFixture) -> None:
    run = world.session()
    async with world.clients((run,), (run,), (run,)) as (first, dead, last):
        await world.notifications.start_progress(run, 3)
        dead.cut()
        for step in (1, 2, 3):
            await world.notifications.update_progress(run, step)
        for one in (first, last):
            assert [(await one.event())["payload"]["current_step"] for _ in range(4)] == [0, 1, 2, 3]
        await world.connections(2)
        assert world.on(run) == 2
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_17_five_in_order(world: World) -> None:
    run = world.session()
    async with world.client(run) as one:
        for number in range(5):
            await world.notifications.send(f"{number}", session_id=run)
        events = [await one.event() for _ in range(5)]
        assert [event["payload"]["title"] for event in events] == ["0", "1", "2", "3", "4"]
        assert [event["offset"] for event in events] == [1, 2, 3, 4, 5]


async def test_18_a_start_and_a_hundred_updates_are_101_events(world: World) -> None:
    run = world.session()
    async with world.client(run) as one:
        metadata = {"step": 0}
        await world.notifications.start_progress(run, 100, metadata=metadata)
        for step in range(1, 101):
            metadata["step"] = step
            await world.notifications.update_progress(run, step, metadata=metadata)
        payloads = [(await one.event())["payload"] for _ in range(101)]
        assert [payload["current_step"] for payload in payloads] == list(range(101))
        assert [payload["metadata"]["step"] for payload in payloads] == list(range(101))
        await one.nothing_more()


async def test_19_two_events_a_session_reach_its_subscribers(world: World) -> None:
    a, b, c = (world.session() for _ in range(3))
    async with world.clients((a, b), (b, c), (c,)) as everyone:
        for session in (a, b, c):
            for number in range(2):
                await world.notifications.send(f"{number}", session_id=session)
        for one, count in zip(everyone, (4, 4, 2), strict=True):
            await one.take(count)
            await one.nothing_more()


async def test_20_a_run_from_its_start_to_its_end(world: World) -> None:
    run = world.session()
    async with world.client(run) as one:
        await world.notifications.run_started(run, {"by": "ann"})
        await world.notifications.start_progress(run, 5)
        for step in range(1, 6):
            await world.notifications.update_progress(run, step)
        await world.notifications.complete_progress(run)
        ended = await world.notifications.run_completed(run, {"orders": 5})
        events = [await one.event() for _ in range(9)]
        kinds = [event["event"] for event in events]
        assert kinds == ["session-started", *["progress-update"] * 7, "session-completed"]
        assert (events[0]["payload"]["state"], events[0]["payload"]["metadata"]) == ("running", {"by": "ann"})
        assert (events[7]["payload"]["progress_percentage"], events[7]["payload"]["step_name"]) == (100.0, "Completed")
        assert events[8]["payload"] == ended.payload
        assert (ended.state, ended.results) == ("completed", {"orders": 5})
        await one.nothing_more()
