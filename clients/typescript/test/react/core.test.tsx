// @vitest-environment happy-dom
import { StrictMode, useState, type JSX } from "react"
import { renderToString } from "react-dom/server"
import { act, cleanup, render, screen } from "@testing-library/react"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { BroadcastClient } from "@pattern-stack/broadcast"
import { BroadcastProvider, useBroadcast, useBroadcastEvent, useBroadcastState } from "@pattern-stack/broadcast/react/core"
import { Host } from "../support/host.js"

let host: Host

beforeEach(() => {
  host = new Host()
})
afterEach(cleanup)

const url = "ws://server/ws/broadcast"
const settled = (): Promise<void> => act(async () => {})

describe("BroadcastProvider", () => {
  it("has one client and one socket, in StrictMode too, and ends both", async () => {
    const seen = new Set<BroadcastClient>()
    const See = (): null => {
      seen.add(useBroadcast())
      return null
    }
    const app = (
      <StrictMode>
        <BroadcastProvider url={url} options={{ socket: host.socket }}>
          <See />
          <See />
        </BroadcastProvider>
      </StrictMode>
    )
    const { unmount, rerender } = render(app)
    await settled()
    rerender(app)
    expect(seen.size).toBe(1)
    expect(host.sockets).toHaveLength(1)
    unmount()
    expect([...seen].map(({ state }) => state)).toEqual(["disconnected"])
    expect(host.sockets.map(({ closed }) => closed)).toEqual([true])
  })

  it("makes nothing below render again: not for its own renders, nor for states and events", async () => {
    let renders = 0
    const Leaf = (): null => {
      useBroadcast()
      useBroadcastEvent("orders", () => {})
      renders++
      return null
    }
    const leaf = <Leaf />
    const tree = (): JSX.Element => (
      <BroadcastProvider url={url} options={{ socket: host.socket }}>
        {leaf}
      </BroadcastProvider>
    )
    const { rerender } = render(tree())
    await settled()
    rerender(tree())
    act(() => host.publish("orders"))
    act(() => host.open.end())
    expect(renders).toBe(1)
  })

  it("leaves a client that it is given to the one who made it", async () => {
    const client = new BroadcastClient(url, { socket: host.socket })
    const { unmount } = render(<BroadcastProvider client={client}>{null}</BroadcastProvider>)
    expect(client.state).toBe("disconnected")
    client.connect()
    unmount()
    expect(client.state).toBe("connecting")
    client.disconnect()
  })

  it("takes another client for another address", async () => {
    const tree = (address: string): JSX.Element => (
      <BroadcastProvider url={address} options={{ socket: host.socket }}>
        <Heard channel="orders" />
      </BroadcastProvider>
    )
    const { rerender } = render(tree(url))
    await settled()
    rerender(tree("ws://elsewhere"))
    await settled()
    expect(host.sockets.map((socket) => [socket.url, socket.closed])).toEqual([[url, true], ["ws://elsewhere", false]])
    expect(host.open.channels).toEqual(new Set(["orders"]))
  })

  it("is missed where it is missing", () => {
    vi.spyOn(console, "error").mockImplementation(() => {})
    expect(() => render(<State />)).toThrow("useBroadcast needs a <BroadcastProvider> above it")
  })

  it("renders on a server without connecting", () => {
    const html = renderToString(
      <BroadcastProvider url={url} options={{ socket: host.socket }}>
        <State />
      </BroadcastProvider>,
    )
    expect(html).toContain("disconnected")
    expect(host.sockets).toHaveLength(0)
  })
})

describe("useBroadcastState", () => {
  it("follows the connection", async () => {
    render(
      <BroadcastProvider url={url} options={{ socket: host.socket }}>
        <State />
      </BroadcastProvider>,
    )
    expect(screen.getByRole("status").textContent).toBe("connecting")
    await settled()
    expect(screen.getByRole("status").textContent).toBe("connected")
    act(() => host.open.end())
    expect(screen.getByRole("status").textContent).toBe("reconnecting")
  })
})

describe("useBroadcastEvent", () => {
  const App = ({ channel }: { channel: string | null }): JSX.Element => (
    <StrictMode>
      <BroadcastProvider url={url} options={{ socket: host.socket }}>
        <Heard channel={channel} />
      </BroadcastProvider>
    </StrictMode>
  )

  it("hears each event once, with the handler of the latest render", async () => {
    render(<App channel="orders" />)
    await settled()
    expect(host.open.sent).toEqual([{ subscribe: ["orders"], id: 1 }])
    act(() => host.publish("orders", { event: "one" }))
    act(() => host.publish("orders", { event: "two" }))
    expect(screen.getByRole("log").textContent).toBe(" 0:one 1:two")
    expect(host.open.sent).toHaveLength(1)
  })

  it("follows a channel that changes, and leaves when it goes", async () => {
    const { rerender, unmount } = render(<App channel="orders" />)
    await settled()
    rerender(<App channel="contacts" />)
    await settled()
    expect(host.open.channels).toEqual(new Set(["contacts"]))
    rerender(<App channel={null} />)
    await settled()
    expect(host.open.channels).toEqual(new Set())
    unmount()
  })
})

function State(): JSX.Element {
  return <p role="status">{useBroadcastState()}</p>
}

/** Shows each event with the number of events that its render knew of. */
function Heard({ channel }: { channel: string | null }): JSX.Element {
  const [heard, setHeard] = useState<string[]>([])
  useBroadcastEvent(channel, ({ event }) => setHeard([...heard, `${heard.length}:${event}`]))
  return <p role="log">{heard.map((one) => ` ${one}`)}</p>
}
