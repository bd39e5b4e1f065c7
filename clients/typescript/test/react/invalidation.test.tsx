// @vitest-environment happy-dom
import { StrictMode, type JSX, type ReactNode } from "react"
import { QueryClient, QueryClientProvider, useQuery, type QueryKey } from "@tanstack/react-query"
import { act, cleanup, render } from "@testing-library/react"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { BroadcastClient } from "@pattern-stack/broadcast"
import { BroadcastProvider, useBroadcastInvalidation, type BroadcastInvalidation } from "@pattern-stack/broadcast/react"
import { Host } from "../support/host.js"
import { said } from "../support/golden.js"
import { until } from "../support/until.js"

let host: Host
let client: BroadcastClient
let queryClient: QueryClient
/** How often each key was fetched. */
let fetches: Map<string, number>
/** What a fetch waits for. */
let gate: Promise<unknown>

const list = ["orders"]
const page = ["orders", "list", 2]
const one = ["orders", "1"]
const two = ["orders", "2"]
const contacts = ["contacts"]

beforeEach(() => {
  host = new Host()
  client = new BroadcastClient("ws://server/ws/broadcast", { socket: host.socket })
  queryClient = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity, retry: false } } })
  fetches = new Map()
  gate = Promise.resolve()
})

afterEach(() => {
  cleanup()
  client.disconnect()
  queryClient.clear()
})

const fetched = (...keys: QueryKey[]): number[] => keys.map((key) => fetches.get(JSON.stringify(key)) ?? 0)
const eventually = (holds: () => unknown): Promise<void> => act(() => until(holds))

function Query({ of }: { of: QueryKey }): null {
  useQuery({
    queryKey: of,
    queryFn: async () => {
      const count = fetched(of)[0]! + 1
      fetches.set(JSON.stringify(of), count)
      await gate
      return count
    },
  })
  return null
}

function Watch(options: Partial<BroadcastInvalidation>): null {
  useBroadcastInvalidation({ channel: "orders", queryKeyPrefix: ["orders"], ...options })
  return null
}

const Everything = (): JSX.Element => (
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

/** Everything is fetched, and then again what is watched, because the channel was acknowledged after that. */
async function joined(tree: JSX.Element, ofContacts = 1, ofOrders = 2): Promise<(tree: JSX.Element) => void> {
  const { rerender } = render(<App>{tree}</App>)
  await eventually(() => fetched(list, page, one, two, contacts).every((count) => count > 0))
  client.connect()
  await eventually(() => client.isJoined("orders") && fetched(list)[0] === ofOrders)
  await act(() => idle())
  expect(fetched(list, page, one, two, contacts)).toEqual([ofOrders, ofOrders, ofOrders, ofOrders, ofContacts])
  return (changed) => rerender(<App>{changed}</App>)
}

const idle = (): Promise<void> => until(() => queryClient.isFetching() === 0)
const publish = (change: object = {}): void => act(() => host.publish("orders", change))

/** Nothing more is fetched: what an event of another entity brings is the next, and all of it. */
async function nothingElse(expected: number[]): Promise<void> {
  publish({ payload: { entity_id: "marker" } })
  await eventually(() => fetched(list)[0] === expected[0]! + 1)
  await act(() => idle())
  expect(fetched(list, page, one, two, contacts)).toEqual([expected[0]! + 1, ...expected.slice(1)])
}

const app = (options: Partial<BroadcastInvalidation> = {}): JSX.Element => (
  <>
    <Everything />
    <Watch {...options} />
  </>
)

describe("an event", () => {
  it("of an entity invalidates it and the exact list", async () => {
    await joined(app())
    publish({ payload: { entity_id: "1" } })
    await eventually(() => fetched(list)[0] === 3)
    await nothingElse([3, 2, 3, 2, 1])
  })

  it.each([{}, { entity_id: null }])("of no entity (%j) invalidates the whole prefix", async (payload) => {
    await joined(app())
    publish({ payload })
    await eventually(() => fetched(list)[0] === 3)
    await nothingElse([3, 3, 3, 3, 1])
  })

  it("of this client's own doing invalidates nothing, another's does", async () => {
    await joined(app())
    publish({ payload: {}, origin: client.origin })
    await nothingElse([2, 2, 2, 2, 1])
    publish({ payload: {}, origin: "another" })
    await eventually(() => fetched(page)[0] === 3)
  })

  it("that is a snapshot invalidates nothing", async () => {
    await joined(app())
    act(() => host.open.say(said("snapshot", { offset: 0 })))
    await nothingElse([2, 2, 2, 2, 1])
  })

  it("of another tab invalidates at once", async () => {
    await joined(app())
    const tab = new BroadcastClient(client.url, { socket: new Host().socket })
    tab.connect()
    tab.emit("orders", "created", { entity_id: "1" })
    await eventually(() => fetched(list)[0] === 3)
    tab.disconnect()
    await nothingElse([3, 2, 3, 2, 1])
  })

  it("of another channel invalidates nothing", async () => {
    await joined(
      <>
        {app()}
        <Watch channel="contacts" queryKeyPrefix={contacts} />
      </>,
      2,
    )
    act(() => host.open.say(said("event", { channel: "contacts", offset: 1 })))
    await eventually(() => fetched(contacts)[0] === 3)
    await nothingElse([2, 2, 2, 2, 3])
  })
})

describe("many events", () => {
  it("of a burst make one fetch of each query", async () => {
    await joined(app())
    for (let n = 0; n < 50; n++) publish({ payload: n % 10 ? { entity_id: `${1 + (n % 2)}` } : {} })
    await eventually(() => fetched(list)[0] === 3)
    await nothingElse([3, 3, 3, 3, 1])
  })

  it("during a fetch make one more after it", async () => {
    await joined(app())
    const open = closeGate()
    publish({ payload: { entity_id: "1" } })
    await eventually(() => fetched(list)[0] === 3)
    for (let n = 0; n < 10; n++) {
      publish({ payload: { entity_id: "1" } })
      await act(() => new Promise((resolve) => setTimeout(resolve, 20))) // long enough for another fetch, if there were one
    }
    expect(fetched(list, one)).toEqual([3, 3])
    open()
    await eventually(() => fetched(list)[0] === 4)
    await nothingElse([4, 2, 4, 2, 1])
  })

  it("with several hooks for the same make one fetch", async () => {
    await joined(
      <>
        {app()}
        <Watch />
        <Watch />
      </>,
    )
    publish({ payload: { entity_id: "1" } })
    await eventually(() => fetched(list)[0] === 3)
    await nothingElse([3, 2, 3, 2, 1])
  })

  it("are one subscription, though the prefix is a new array in each render and StrictMode mounts twice", async () => {
    const tree = (
      <StrictMode>
        <Watch queryKeyPrefix={["orders"]} />
      </StrictMode>
    )
    const { rerender } = render(<App>{tree}</App>)
    client.connect()
    await eventually(() => client.isJoined("orders"))
    rerender(<App>{<StrictMode><Watch queryKeyPrefix={["orders"]} /></StrictMode>}</App>)
    await act(() => client.ready("orders"))
    expect(host.open.sent).toEqual([{ subscribe: ["orders"], id: 1 }])
  })
})

describe("an event during the first fetch", () => {
  it("makes another one after it, for the first may have read too early", async () => {
    render(<App>{<Watch />}</App>)
    client.connect()
    await eventually(() => client.isJoined("orders"))
    const open = closeGate()
    cleanup()
    render(<App>{app()}</App>)
    await eventually(() => fetched(list)[0] === 1)
    await act(() => client.ready("orders"))
    publish({ payload: { entity_id: "1" } })
    await act(() => until(() => queryClient.getQueryState(list)?.isInvalidated))
    open()
    await eventually(() => fetched(list)[0] === 2 && fetched(one)[0] === 2)
  })
})

describe("while it is not enabled", () => {
  it("nothing is fetched, and one fetch of the prefix makes up for all that came", async () => {
    const change = await joined(app())
    change(app({ enabled: false }))
    for (let n = 0; n < 10; n++) publish({ payload: { entity_id: "1" } })
    await act(() => client.ready("orders"))
    expect(fetched(list, one)).toEqual([2, 2])
    change(app())
    await eventually(() => fetched(list)[0] === 3)
    await nothingElse([3, 3, 3, 3, 1])
    change(app({ enabled: false }))
    publish({ payload: {}, origin: client.origin })
    change(app())
    await nothingElse([4, 3, 3, 3, 1])
  })

  it("what came is made up for when it goes, for whoever else shows it", async () => {
    const change = await joined(app({ enabled: false }), 1, 1)
    publish({ payload: { entity_id: "1" } })
    await act(() => client.ready("orders"))
    change(<Everything />)
    await eventually(() => fetched(page)[0] === 2)
    expect(fetched(list, one, contacts)).toEqual([2, 2, 1])
  })

  it("a reset is made up for too", async () => {
    const change = await joined(app())
    change(app({ enabled: false }))
    act(() => host.open.say(said("reset", { reset: { orders: { epoch: "x81c", offset: 0 } } })))
    change(app())
    await eventually(() => fetched(page)[0] === 3)
  })
})

describe("what may have been missed", () => {
  it("by a reset invalidates the prefix", async () => {
    await joined(app())
    act(() => host.open.say(said("reset", { reset: { orders: { epoch: "x81c", offset: 0 }, contacts: { epoch: "x81c", offset: 0 } } })))
    await eventually(() => fetched(page)[0] === 3)
    await nothingElse([3, 3, 3, 3, 1])
  })

  it("by a break that was recovered invalidates nothing, by another one the prefix", async () => {
    await joined(app())
    host.recovers = true
    await act(() => again())
    await nothingElse([2, 2, 2, 2, 1])
    host.recovers = false
    await act(() => again())
    await eventually(() => fetched(page)[0] === 3)
  })

  it("before a hook listened to a channel that others are on, of what lies in the cache", async () => {
    client.subscribe("orders", () => {})
    client.connect()
    await eventually(() => client.isJoined("orders"))
    queryClient.setQueryData(list, 0)
    queryClient.setQueryData(one, 0)
    await queryClient.invalidateQueries({ queryKey: one }) // so that mounting fetches it, and nothing has to begin that anew
    const change = render(<App>{app()}</App>).rerender
    await eventually(() => fetched(list)[0] === 1)
    await act(() => idle())
    expect(fetched(list, page, one, two, contacts)).toEqual([1, 1, 1, 1, 1])
    change(<App>{<>{app()}<Watch /></>}</App>)
    await nothingElse([1, 1, 1, 1, 1])
  })
})

/** The connection breaks, and comes back at once. */
async function again(): Promise<void> {
  const count = host.sockets.length
  host.open.end()
  window.dispatchEvent(new Event("online"))
  await until(() => host.sockets.length > count)
  await client.ready("orders")
}

function closeGate(): () => void {
  let open = (): void => {}
  gate = new Promise<void>((resolve) => (open = resolve))
  return open
}
