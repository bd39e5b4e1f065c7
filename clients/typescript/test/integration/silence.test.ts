import { expect, inject, it } from "vitest"
import { client, following } from "../support/clients.js"
import { Proxy } from "../support/proxy.js"
import { Server } from "../support/server.js"
import { until } from "../support/until.js"

const shared = Server.at(inject("port"))

it("a network that lets nothing through is noticed, and what was missed is recovered", { timeout: 60_000 }, async () => {
  const proxy = await Proxy.to(shared.port)
  const one = client(proxy.url, { pingAfter: 1_000 })
  const heard = await following(one, "silent:1")
  await shared.publish("silent:1")
  await until(() => heard.length === 1)
  proxy.die()
  await shared.publish("silent:1")
  await until(() => one.state === "reconnecting")
  expect(one.lastClose).toMatchObject({ code: 1006, reason: "a ping was not answered" })
  proxy.revive()
  await until(() => heard.length === 2)
  expect(heard.map(({ offset }) => offset)).toEqual([1, 2])
  await proxy.close()
})
