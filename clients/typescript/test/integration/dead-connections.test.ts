import { expect, inject, it } from "vitest"
import { collectEvents, connectClient } from "../support/clients.js"
import { Proxy } from "../support/proxy.js"
import { Server } from "../support/server.js"
import { until } from "../support/until.js"

const shared = Server.at(inject("port"))

it("a network that drops all data is detected, and missed events are recovered", { timeout: 60_000 }, async () => {
  const proxy = await Proxy.to(shared.port)
  const client = connectClient(proxy.url, { pingAfter: 1_000 })
  const events = await collectEvents(client, "silent:1")
  await shared.publish("silent:1")
  await until(() => events.length === 1)
  proxy.blackhole()
  await shared.publish("silent:1")
  await until(() => client.state === "reconnecting")
  expect(client.lastClose).toMatchObject({ code: 1006, reason: "a ping was not answered" })
  proxy.restore()
  await until(() => events.length === 2)
  expect(events.map(({ offset }) => offset)).toEqual([1, 2])
  await proxy.close()
})
