// @vitest-environment happy-dom
import { StrictMode, type JSX, type ReactNode } from "react"
import { QueryClient, QueryClientProvider, useQuery, type QueryKey } from "@tanstack/react-query"
import { act, cleanup, render } from "@testing-library/react"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { BroadcastClient, type BroadcastEvent } from "@pattern-stack/broadcast"
import { BroadcastProvider, useBroadcastInvalidation, type BroadcastInvalidation } from "@pattern-stack/broadcast/react"
import { FakeServer } from "../support/fake-server.js"
import { serverFrame } from "../support/frames.js"
import { until } from "../support/until.js"

let server: FakeServer
let client: BroadcastClient
let queryClient: QueryClient
/** The number of fetches of each key. */
let fetches: Map<string, number>
/** Every fetch waits for it. */
let gate: Promise<unknown>

const list = ["orders"]
const page = ["orders", "list", 2]
const one = ["orders", "1"]
const two = ["orders", "2"]
const contacts = ["contacts"]

beforeEach(() => {
  server = new FakeServer()
  client = new BroadcastClient("ws://server/ws/broadcast", { socket: server.socket })
  queryClient = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity, retry: false } } })
  fetches = new Map()
  gate = Promise.resolve()
})

afterEach(() => {
  cleanup()
  client.disconnect()
  queryClient.clear()
  vi.restoreAllMocks()
})

const counts = (...keys: QueryKey[]): number[] => keys.map((key) => fetches.get(JSON.stringify(key)) ?? 0)
const untilInAct = (condition: () => unknown): Promise<void> => act(() => until(condition))

function Query({ of }: { of: QueryKey }): null {
  useQuery({
    queryKey: of,
    queryFn: async () => {
      const count = counts(of)[0]! + 1
      fetches.set(JSON.stringify(of), count)
      await gate
      return count
    },
  })
  return null
}

function Invalidation(options: Partial<BroadcastInvalidation>): null {
  useBroadcastInvalidation({ channel: "orders", queryKeyPrefix: ["orders"], ...options })
  return null
}

const AllQueries = (): JSX.Element => (
  <>
    {[list, page, one, two, contacts].map((key) => (
      <Query key={key.join()} of={key} />
    ))}
  </>
)

function App({ children }: { children: ReactNode }): JSX.Element {
  return (
    <QueryClientProvider client={queryClient}>
      <BroadcastProvider client={client}>{children}</BroadcastProvider>
    </QueryClientProvider>
  )
}

/** Renders the tree and waits until every query was fetched once, and the queries of joined channels a second time. */
async function renderAndJoin(tree: JSX.Element, ofContacts = 1, ofOrders = 2): Promise<(tree: JSX.Element) => void> {
  const { rerender } = render(<App>{tree}</App>)
  await untilInAct(() => counts(list, page, one, two, contacts).every((count) => count > 0))
  client.connect()
  await untilInAct(() => client.isJoined("orders") && counts(list)[0] === ofOrders)
  await act(() => fetched())
  expect(counts(list, page, one, two, contacts)).toEqual([ofOrders, ofOrders, ofOrders, ofOrders, ofContacts])
  return (changed) => rerender(<App>{changed}</App>)
}

const fetched = (): Promise<void> => until(() => queryClient.isFetching() === 0)
const publish = (change: object = {}): void => act(() => server.publish("orders", change))

/** Checks the counts after one more event, of another entity: it causes the next fetch of both lists, and nothing else is fetched. */
async function expectCountsAfterMarker(expected: number[]): Promise<void> {
  publish({ payload: { entity_id: "marker" } })
  await untilInAct(() => counts(list)[0] === expected[0]! + 1)
  await act(() => fetched())
  expect(counts(list, page, one, two, contacts)).toEqual([expected[0]! + 1, expected[1]! + 1, ...expected.slice(2)])
}

const app = (options: Partial<BroadcastInvalidation> = {}): JSX.Element => (
  <>
    <AllQueries />
    <Invalidation {...options} />
  </>
)

describe("an event", () => {
  it("with an entity id invalidates the entity and every list", async () => {
    await renderAndJoin(app())
    publish({ payload: { entity_id: "1" } })
    await untilInAct(() => counts(list)[0] === 3)
    await expectCountsAfterMarker([3, 3, 3, 2, 1])
  })

  it("with an entity id invalidates the entity and the exact list alone, if the hook says so", async () => {
    await renderAndJoin(app({ lists: "exact" }))
    publish({ payload: { entity_id: "1" } })
    await untilInAct(() => counts(list)[0] === 3)
    publish({ payload: { entity_id: "marker" } })
    await untilInAct(() => counts(list)[0] === 4)
    await act(() => fetched())
    expect(counts(list, page, one, two, contacts)).toEqual([4, 2, 3, 2, 1])
  })

  it.each([{}, { entity_id: null }])("without an entity id (%j) invalidates the whole prefix", async (payload) => {
    await renderAndJoin(app())
    publish({ payload })
    await untilInAct(() => counts(list)[0] === 3)
    await expectCountsAfterMarker([3, 3, 3, 3, 1])
  })

  it("with this client's origin invalidates nothing, with another origin it does", async () => {
    await renderAndJoin(app())
    publish({ payload: {}, origin: client.origin })
    await expectCountsAfterMarker([2, 2, 2, 2, 1])
    publish({ payload: {}, origin: "another" })
    await untilInAct(() => counts(page)[0] === 3)
  })

  it("that is a snapshot invalidates nothing", async () => {
    await renderAndJoin(app())
    act(() => server.open.receive(serverFrame("snapshot", { offset: 0 })))
    await expectCountsAfterMarker([2, 2, 2, 2, 1])
  })

  it("that is ephemeral invalidates nothing", async () => {
    await renderAndJoin(app())
    act(() => server.open.receive(serverFrame("event", { offset: undefined })))
    await expectCountsAfterMarker([2, 2, 2, 2, 1])
  })

  it("emitted by another tab invalidates at once", async () => {
    await renderAndJoin(app())
    const tab = new BroadcastClient(client.url, { socket: new FakeServer().socket })
    tab.connect()
    tab.emit("orders", "created", { entity_id: "1" })
    await untilInAct(() => counts(list)[0] === 3)
    tab.disconnect()
    await expectCountsAfterMarker([3, 3, 3, 2, 1])
  })

  it("of another channel does not invalidate this channel's queries", async () => {
    await renderAndJoin(
      <>
        {app()}
        <Invalidation channel="contacts" queryKeyPrefix={contacts} />
      </>,
      2,
    )
    act(() => server.open.receive(serverFrame("event", { channel: "contacts", offset: 1 })))
    await untilInAct(() => counts(contacts)[0] === 3)
    await expectCountsAfterMarker([2, 2, 2, 2, 3])
  })
})

describe("many events", () => {
  it("in a burst cause one fetch of each query", async () => {
    await renderAndJoin(app())
    for (let n = 0; n < 50; n++) publish({ payload: n % 10 ? { entity_id: `${1 + (n % 2)}` } : {} })
    await untilInAct(() => counts(list)[0] === 3)
    await expectCountsAfterMarker([3, 3, 3, 3, 1])
  })

  it("during a fetch cause one more fetch after it", async () => {
    await renderAndJoin(app())
    const open = closeGate()
    publish({ payload: { entity_id: "1" } })
    await untilInAct(() => counts(list)[0] === 3)
    for (let n = 0; n < 10; n++) publish({ payload: { entity_id: "1" } })
    expect(counts(list, one)).toEqual([3, 3])
    open()
    await untilInAct(() => counts(list)[0] === 4)
    await expectCountsAfterMarker([4, 4, 4, 2, 1])
  })

  it("with several hooks for the same queries cause one fetch", async () => {
    await renderAndJoin(
      <>
        {app()}
        <Invalidation />
        <Invalidation />
      </>,
    )
    publish({ payload: { entity_id: "1" } })
    await untilInAct(() => counts(list)[0] === 3)
    await expectCountsAfterMarker([3, 3, 3, 2, 1])
  })

  it("need one subscription, even if the prefix is a new array in each render and StrictMode mounts twice", async () => {
    const tree = (): JSX.Element => (
      <StrictMode>
        <Invalidation queryKeyPrefix={["orders"]} />
      </StrictMode>
    )
    const { rerender } = render(<App>{tree()}</App>)
    client.connect()
    await untilInAct(() => client.isJoined("orders"))
    rerender(<App>{tree()}</App>)
    await act(() => client.ready("orders"))
    expect(server.open.sent).toEqual([{ subscribe: ["orders"], quiet: true, id: 1 }])
  })
})

describe("an event during the first fetch", () => {
  it("causes another fetch after it, for the first one may have read old data", async () => {
    render(<App>{<Invalidation />}</App>)
    client.connect()
    await untilInAct(() => client.isJoined("orders"))
    const open = closeGate()
    cleanup()
    render(<App>{app()}</App>)
    await untilInAct(() => counts(list)[0] === 1)
    await act(() => client.ready("orders"))
    publish({ payload: { entity_id: "1" } })
    await act(() => until(() => queryClient.getQueryState(list)?.isInvalidated))
    open()
    await untilInAct(() => counts(list)[0] === 2 && counts(one)[0] === 2)
  })
})

describe("enabled: false", () => {
  it("defers invalidation: enabling causes one fetch of the prefix for all events", async () => {
    const change = await renderAndJoin(app())
    change(app({ enabled: false }))
    for (let n = 0; n < 10; n++) publish({ payload: { entity_id: "1" } })
    await act(() => client.ready("orders"))
    expect(counts(list, one)).toEqual([2, 2])
    change(app())
    await untilInAct(() => counts(list)[0] === 3)
    await expectCountsAfterMarker([3, 3, 3, 3, 1])
    change(app({ enabled: false }))
    publish({ payload: {}, origin: client.origin })
    change(app())
    await expectCountsAfterMarker([4, 4, 3, 3, 1])
  })

  it("invalidates on unmount, for other components that show the queries", async () => {
    const change = await renderAndJoin(app({ enabled: false }), 1, 1)
    publish({ payload: { entity_id: "1" } })
    await act(() => client.ready("orders"))
    change(<AllQueries />)
    await untilInAct(() => counts(page)[0] === 2)
    expect(counts(list, one, contacts)).toEqual([2, 2, 1])
  })

  it("defers the invalidation of a reset, too", async () => {
    const change = await renderAndJoin(app())
    change(app({ enabled: false }))
    act(() => server.open.receive(serverFrame("reset", { reset: { orders: { epoch: "x81c", offset: 0 } } })))
    change(app())
    await untilInAct(() => counts(page)[0] === 3)
  })
})

describe("a wrong option", () => {
  const renderWith = (options: object): unknown => render(<App>{<Invalidation {...options} />}</App>)

  beforeEach(() => {
    vi.spyOn(console, "error").mockImplementation(() => {})
  })

  it.each([
    ["an option that does not exist", { queryKey: ["orders"] }, "useBroadcastInvalidation has no option queryKey"],
    ["a missing prefix", { queryKeyPrefix: undefined }, "queryKeyPrefix is an array, not undefined"],
    ["a channel with a missing part", { channel: `items:${undefined}`, enabled: false }, "a part of the channel name items:undefined is missing"],
  ])("is refused in development: %s", (_, options, message) => {
    expect(() => renderWith(options)).toThrow(message)
  })

  it("is not the channel null, which subscribes to nothing", async () => {
    renderWith({ channel: null })
    client.connect()
    await untilInAct(() => client.state === "connected")
    expect(server.open.channels).toEqual(new Set())
  })
})

describe("the prefix is invalidated", () => {
  it("by a reset", async () => {
    await renderAndJoin(app())
    const reset = { orders: { epoch: "x81c", offset: 0 }, contacts: { epoch: "x81c", offset: 0 } }
    act(() => server.open.receive(serverFrame("reset", { reset })))
    await untilInAct(() => counts(page)[0] === 3)
    await expectCountsAfterMarker([3, 3, 3, 3, 1])
  })

  it("by a reconnect that is not recovered, and not by one that is", async () => {
    await renderAndJoin(app())
    server.recovers = true
    await act(() => reconnect())
    await expectCountsAfterMarker([2, 2, 2, 2, 1])
    server.recovers = false
    await act(() => reconnect())
    await untilInAct(() => counts(page)[0] === 3)
  })

  it("for cached data when the first hook subscribes to a channel that is joined already", async () => {
    client.subscribe("orders", () => {})
    client.connect()
    await untilInAct(() => client.isJoined("orders"))
    queryClient.setQueryData(list, 0)
    queryClient.setQueryData(one, 0)
    await queryClient.invalidateQueries({ queryKey: one }) // so that mounting fetches it, and it needs no second fetch
    const change = render(<App>{app()}</App>).rerender
    await untilInAct(() => counts(list)[0] === 1)
    await act(() => fetched())
    expect(counts(list, page, one, two, contacts)).toEqual([1, 1, 1, 1, 1])
    change(<App>{<>{app()}<Invalidation /></>}</App>)
    await expectCountsAfterMarker([1, 1, 1, 1, 1])
  })
})

describe("spread", () => {
  beforeEach(() => {
    vi.spyOn(Math, "random").mockReturnValue(0.5)
  })

  it("puts the fetch after events and resets off by a random time", async () => {
    const timeouts = vi.spyOn(globalThis, "setTimeout")
    await renderAndJoin(app({ spread: 60_000 }))
    publish({ payload: { entity_id: "1" } })
    publish({ payload: { entity_id: "2" } })
    act(() => server.open.receive(serverFrame("reset", { reset: { orders: { epoch: "x81c", offset: 0 } } })))
    const waits = timeouts.mock.calls.filter(([, delay]) => delay === 30_000)
    expect(waits).toHaveLength(1)
    expect(counts(list, page, one, two)).toEqual([2, 2, 2, 2])
    act(() => (waits[0]![0] as () => void)())
    await untilInAct(() => counts(page)[0] === 3)
    await act(() => fetched())
    expect(counts(list, page, one, two, contacts)).toEqual([3, 3, 3, 3, 1])
  })

  it("does not put off what another tab of this browser emitted, nor the last fetch before the end", async () => {
    const change = await renderAndJoin(app({ spread: 60_000 }))
    const tab = new BroadcastClient(client.url, { socket: new FakeServer().socket })
    tab.connect()
    tab.emit("orders", "created", { entity_id: "1" })
    await untilInAct(() => counts(one)[0] === 3)
    tab.disconnect()
    publish({ payload: { entity_id: "2" } })
    change(<AllQueries />)
    await untilInAct(() => counts(two)[0] === 3)
  })
})

describe("apply", () => {
  const rename = (event: BroadcastEvent, queries: QueryClient): boolean => {
    queries.setQueryData(one, event.payload["count"])
    return event.payload["entity_id"] === "1"
  }

  it("puts the payload into the cache, and nothing is fetched if it returns true", async () => {
    await renderAndJoin(app({ apply: rename }))
    publish({ payload: { entity_id: "1", count: 77 } })
    expect(queryClient.getQueryData(one)).toBe(77)
    await expectCountsAfterMarker([2, 2, 2, 2, 1])
  })

  it("does not replace a fetch that is needed because another one is under way", async () => {
    await renderAndJoin(app({ apply: rename }))
    const open = closeGate()
    publish({ payload: { entity_id: "2" } })
    await untilInAct(() => counts(two)[0] === 3)
    publish({ payload: { entity_id: "1", count: 77 } })
    open()
    await untilInAct(() => counts(one)[0] === 3)
  })

  it("that throws is logged, and the queries are invalidated", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {})
    await renderAndJoin(app({ apply: () => { throw new Error("no such order") } }))
    publish({ payload: { entity_id: "1" } })
    await untilInAct(() => counts(one)[0] === 3)
    expect(log).toHaveBeenCalledWith("[broadcast] apply failed:", expect.any(Error))
  })
})

/** The connection breaks and is opened again at once. */
async function reconnect(): Promise<void> {
  const count = server.sockets.length
  server.open.end()
  window.dispatchEvent(new Event("online"))
  await until(() => server.sockets.length > count)
  await client.ready("orders")
}

/** Makes fetches wait until the returned function is called. */
function closeGate(): () => void {
  let open = (): void => {}
  gate = new Promise<void>((resolve) => (open = resolve))
  return open
}

describe("where the server says for how long the channel was quiet", () => {
  it("data that was fetched since the last event is not fetched again", async () => {
    server.quiet = 3_600
    await renderAndJoin(app(), 1, 1)
    await expectCountsAfterMarker([1, 1, 1, 1, 1])
  })

  it("a first fetch that is under way is not repeated", async () => {
    server.quiet = 3_600
    let open = (): void => {}
    gate = new Promise<void>((resolve) => (open = resolve))
    render(<App>{app()}</App>)
    await untilInAct(() => counts(list)[0] === 1)
    client.connect()
    await untilInAct(() => client.isJoined("orders"))
    open()
    await act(() => fetched())
    await expectCountsAfterMarker([1, 1, 1, 1, 1])
  })

  it("it is fetched again if there was an event since", async () => {
    server.quiet = 0.000_001
    await renderAndJoin(app())
  })

  it("it is fetched again if it is older, also where the computer slept and one clock stood still", async () => {
    server.quiet = 3_600
    const now = vi.spyOn(Date, "now").mockReturnValue(Date.now() - 7_200_000)
    const { rerender } = render(<App>{app({ channel: null })}</App>)
    await untilInAct(() => counts(list, page, one, two).every((count) => count === 1))
    await act(() => fetched())
    now.mockRestore()
    client.connect()
    rerender(<App>{app()}</App>)
    await untilInAct(() => counts(list)[0] === 2)
  })

  it("it is fetched again if a part of it was written by the application", async () => {
    server.quiet = 3_600
    const { rerender } = render(<App>{app({ channel: null })}</App>)
    await untilInAct(() => counts(list, page, one, two).every((count) => count === 1))
    await act(() => fetched())
    act(() => void queryClient.setQueryData(one, "written"))
    client.connect()
    rerender(<App>{app()}</App>)
    await untilInAct(() => counts(list)[0] === 2)
  })

  it("only who asks is told", async () => {
    server.quiet = 3_600
    client.subscribe("orders", () => {})
    client.connect()
    await until(() => client.isJoined("orders"))
    expect(server.open.sent[0]).toEqual({ subscribe: ["orders"], id: 1 })
  })
})
