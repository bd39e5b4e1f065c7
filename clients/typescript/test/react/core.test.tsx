// @vitest-environment happy-dom
import { StrictMode, useEffect, useState, type JSX } from "react"
import { renderToString } from "react-dom/server"
import { act, cleanup, render, screen } from "@testing-library/react"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { BroadcastClient, type BroadcastOptions } from "@pattern-stack/broadcast"
import { BroadcastProvider, useBroadcast, useBroadcastEvent, useBroadcastState } from "@pattern-stack/broadcast/react/core"
import { FakeServer } from "../support/fake-server.js"

let server: FakeServer

beforeEach(() => {
  server = new FakeServer()
})
afterEach(cleanup)

const url = "ws://server/ws/broadcast"
const settle = (): Promise<void> => act(async () => {})

describe("BroadcastProvider", () => {
  it("has one client and one socket, in StrictMode too, and closes them on unmount", async () => {
    const seen = new Set<BroadcastClient>()
    const See = (): null => {
      seen.add(useBroadcast())
      return null
    }
    const app = (
      <StrictMode>
        <BroadcastProvider url={url} options={{ socket: server.socket }}>
          <See />
          <See />
        </BroadcastProvider>
      </StrictMode>
    )
    const { unmount, rerender } = render(app)
    await settle()
    rerender(app)
    expect(seen.size).toBe(1)
    expect(server.sockets).toHaveLength(1)
    unmount()
    expect([...seen].map(({ state }) => state)).toEqual(["disconnected"])
    expect(server.sockets.map(({ closed }) => closed)).toEqual([true])
  })

  it("makes no component below render again: not by its own renders, nor by states and events", async () => {
    let renders = 0
    const Leaf = (): null => {
      useBroadcast()
      useBroadcastEvent("orders", () => {})
      renders++
      return null
    }
    const leaf = <Leaf />
    const tree = (): JSX.Element => (
      <BroadcastProvider url={url} options={{ socket: server.socket }}>
        {leaf}
      </BroadcastProvider>
    )
    const { rerender } = render(tree())
    await settle()
    rerender(tree())
    act(() => server.publish("orders"))
    act(() => server.open.end())
    expect(renders).toBe(1)
  })

  it("neither connects nor disconnects a client that is passed in", async () => {
    const client = new BroadcastClient(url, { socket: server.socket })
    const { unmount } = render(<BroadcastProvider client={client}>{null}</BroadcastProvider>)
    expect(client.state).toBe("disconnected")
    client.connect()
    unmount()
    expect(client.state).toBe("connecting")
    client.disconnect()
  })

  it("replaces the client for another URL", async () => {
    const tree = (address: string): JSX.Element => (
      <BroadcastProvider url={address} options={{ socket: server.socket }}>
        <Events channel="orders" />
      </BroadcastProvider>
    )
    const { rerender } = render(tree(url))
    await settle()
    rerender(tree("ws://elsewhere"))
    await settle()
    expect(server.sockets.map((socket) => [socket.url, socket.closed])).toEqual([[url, true], ["ws://elsewhere", false]])
    expect(server.open.channels).toEqual(new Set(["orders"]))
  })

  const provide = (options: BroadcastOptions): JSX.Element => (
    <BroadcastProvider url={url} options={{ socket: server.socket, ...options }}>
      <Events channel="orders" />
    </BroadcastProvider>
  )
  const tokens = (): unknown[] => server.sockets.map(({ sent }) => sent.flatMap((frame) => ("auth" in frame ? frame.auth : [])))

  it("replaces the client for another value of an option: another user's token", async () => {
    const { rerender } = render(provide({ token: "ALICE", reconnect: { first: 500 } }))
    await settle()
    rerender(provide({ token: "ALICE", reconnect: { first: 500 } }))
    await settle()
    expect(tokens()).toEqual([["ALICE"]])
    rerender(provide({ token: "BOB", reconnect: { first: 500 } }))
    await settle()
    expect(tokens()).toEqual([["ALICE"], ["BOB"]])
    expect(server.open.channels).toEqual(new Set(["orders"]))
  })

  it("keeps the client for another token function, and calls the function of the latest render", async () => {
    const { rerender } = render(provide({ token: () => "ALICE" }))
    await settle()
    rerender(provide({ token: () => "BOB" }))
    await settle()
    expect(tokens()).toEqual([["ALICE"]])
    act(() => server.open.end())
    await act(async () => void window.dispatchEvent(new Event("online")))
    await settle()
    expect(tokens()).toEqual([["ALICE"], ["BOB"]])
  })

  it("is required by the hooks", () => {
    vi.spyOn(console, "error").mockImplementation(() => {})
    expect(() => render(<State />)).toThrow("useBroadcast needs a <BroadcastProvider> above it")
  })

  it("renders on a server without connecting", () => {
    const html = renderToString(
      <BroadcastProvider url={url} options={{ socket: server.socket }}>
        <State />
      </BroadcastProvider>,
    )
    expect(html).toContain("disconnected")
    expect(server.sockets).toHaveLength(0)
  })
})

describe("useBroadcast", () => {
  it("returns a client whose state is current: its readers render again, and no other component", async () => {
    let readerRenders = 0
    let otherRenders = 0
    const Reader = (): JSX.Element => {
      const { state, lastClose } = useBroadcast()
      readerRenders++
      return <p role="status">{`${state} ${lastClose?.code}`}</p>
    }
    const Other = (): JSX.Element => {
      const client = useBroadcast()
      otherRenders++
      return <p>{client.url}</p>
    }
    const client = new BroadcastClient(url, { socket: server.socket })
    render(
      <BroadcastProvider client={client}>
        <Other />
        <Reader />
        <Other />
      </BroadcastProvider>,
    )
    client.connect()
    await settle()
    expect(screen.getByRole("status").textContent).toBe("connected undefined")
    act(() => server.open.end(1013))
    expect(screen.getByRole("status").textContent).toBe("reconnecting 1013")
    await act(async () => void window.dispatchEvent(new Event("online")))
    await settle()
    expect(screen.getByRole("status").textContent).toBe("connected 1013")
    expect(otherRenders).toBe(2)
    expect(readerRenders).toBeGreaterThan(3)
    client.disconnect()
  })

  it("does not make a component render again that reads the state outside of its renders", async () => {
    let renders = 0
    const Button = (): JSX.Element => {
      const client = useBroadcast()
      renders++
      return <button onClick={() => client.state}>{client.url}</button>
    }
    const client = new BroadcastClient(url, { socket: server.socket })
    render(
      <BroadcastProvider client={client}>
        <Button />
      </BroadcastProvider>,
    )
    screen.getByRole("button").click()
    client.connect()
    await settle()
    expect([client.state, renders]).toEqual(["connected", 1])
    client.disconnect()
  })

  it("returns the client of the provider, whose methods work without it", async () => {
    const client = new BroadcastClient(url, { socket: server.socket })
    const events: unknown[] = []
    const Subscriber = (): null => {
      const broadcast = useBroadcast()
      const { subscribe } = broadcast
      expect(broadcast).toBe(client)
      useEffect(() => subscribe("orders", ({ event }) => events.push(event)), [subscribe])
      return null
    }
    client.connect()
    render(
      <BroadcastProvider client={client}>
        <BroadcastProvider client={client}>
          <Subscriber />
        </BroadcastProvider>
      </BroadcastProvider>,
    )
    await act(() => client.ready("orders"))
    act(() => server.publish("orders"))
    expect(events).toEqual(["created"])
    client.disconnect()
  })

  it("renders on a server", () => {
    const Reader = (): string => useBroadcast().state
    const html = renderToString(
      <BroadcastProvider url={url}>
        <Reader />
      </BroadcastProvider>,
    )
    expect(html).toBe("disconnected")
  })
})

describe("useBroadcastState", () => {
  it("renders again when the state changes", async () => {
    render(
      <BroadcastProvider url={url} options={{ socket: server.socket }}>
        <State />
      </BroadcastProvider>,
    )
    expect(screen.getByRole("status").textContent).toBe("connecting")
    await settle()
    expect(screen.getByRole("status").textContent).toBe("connected")
    act(() => server.open.end())
    expect(screen.getByRole("status").textContent).toBe("reconnecting")
  })
})

describe("useBroadcastEvent", () => {
  const App = ({ channel }: { channel: string | null }): JSX.Element => (
    <StrictMode>
      <BroadcastProvider url={url} options={{ socket: server.socket }}>
        <Events channel={channel} />
      </BroadcastProvider>
    </StrictMode>
  )

  it("passes each event once, to the handler of the latest render", async () => {
    render(<App channel="orders" />)
    await settle()
    expect(server.open.sent).toEqual([{ subscribe: ["orders"], id: 1 }])
    act(() => server.publish("orders", { event: "one" }))
    act(() => server.publish("orders", { event: "two" }))
    expect(screen.getByRole("log").textContent).toBe(" 0:one 1:two")
    expect(server.open.sent).toHaveLength(1)
  })

  it("changes channels with its argument, and unsubscribes for null", async () => {
    const { rerender, unmount } = render(<App channel="orders" />)
    await settle()
    rerender(<App channel="contacts" />)
    await settle()
    expect(server.open.channels).toEqual(new Set(["contacts"]))
    rerender(<App channel={null} />)
    await settle()
    expect(server.open.channels).toEqual(new Set())
    unmount()
  })
})

it("a channel name with a missing part is refused in development", () => {
  vi.spyOn(console, "error").mockImplementation(() => {})
  const App = ({ id }: { id?: string }): JSX.Element => (
    <BroadcastProvider url={url} options={{ socket: server.socket }}>
      <Events channel={`items:${id}`} />
    </BroadcastProvider>
  )
  expect(() => render(<App />)).toThrow("a part of the channel name items:undefined is missing")
})

function State(): JSX.Element {
  return <p role="status">{useBroadcastState()}</p>
}

/** Shows each event with the number of events that its handler's render knew of. */
function Events({ channel }: { channel: string | null }): JSX.Element {
  const [events, setEvents] = useState<string[]>([])
  useBroadcastEvent(channel, ({ event }) => setEvents([...events, `${events.length}:${event}`]))
  return <p role="log">{events.map((one) => ` ${one}`)}</p>
}
