// @vitest-environment happy-dom
import type { JSX } from "react"
import { act, cleanup, render } from "@testing-library/react"
import { afterEach, beforeEach, expect, it } from "vitest"
import { BroadcastClient, type BroadcastError } from "@pattern-stack/broadcast"
import { BroadcastProvider, usePresence, useSend, type Send } from "@pattern-stack/broadcast/react/core"
import { FakeServer } from "../support/fake-server.js"
import { until } from "../support/until.js"

let server: FakeServer
let client: BroadcastClient

beforeEach(() => {
  server = new FakeServer()
  client = new BroadcastClient("ws://server/ws/broadcast", { socket: server.socket })
  client.connect()
})

afterEach(() => {
  cleanup()
  client.disconnect()
})

const find = (kind: string): any => server.open.sent.find((frame) => kind in frame)
const answer = (frame: object): void => act(() => server.open.receive(frame as never))
const show = (element: JSX.Element): ReturnType<typeof render> => render(<BroadcastProvider client={client}>{element}</BroadcastProvider>)
const ann = { connection_id: "c1", user: "ann" }

it("usePresence shows who is there, and unsubscribes at the end", async () => {
  const Room = ({ channel }: { channel: string | null }): JSX.Element => <p>{usePresence(channel).map(({ user }) => user).join()}</p>
  const { container, rerender } = show(<Room channel="room:7" />)
  await act(() => until(() => find("presence")))
  answer({ id: find("presence").id, presence: { "room:7": { count: 1, members: [ann] } } })
  expect(container.textContent).toBe("ann")
  answer({ channel: "room:7", event: "presence-joined", payload: { connection_id: "c2", user: "bob", count: 2 }, timestamp: "" })
  expect(container.textContent).toBe("ann,bob")
  rerender(<BroadcastProvider client={client}><Room channel={null} /></BroadcastProvider>)
  expect(container.textContent).toBe("")
  await act(() => until(() => server.open.channels.size === 0))
})

it("useSend subscribes the channel, and is the same function in each render", async () => {
  const functions = new Set<Send>()
  function Room({ channel }: { channel: string | null }): null {
    functions.add(useSend(channel))
    return null
  }
  const { rerender } = show(<Room channel="room:7" />)
  rerender(<BroadcastProvider client={client}><Room channel="room:7" /></BroadcastProvider>)
  expect(functions.size).toBe(1)
  const result = [...functions][0]!("rename", { name: "x" })
  await until(() => find("send"))
  answer({ id: find("send").id, result: 7 })
  expect(await result).toBe(7)
  rerender(<BroadcastProvider client={client}><Room channel={null} /></BroadcastProvider>)
  await expect([...functions][1]!("rename")).rejects.toMatchObject({ code: "invalid_channel" } satisfies Partial<BroadcastError>)
})
