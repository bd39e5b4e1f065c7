import { expect, it } from "vitest"
import { positionsOf, textOf } from "../src/sse/bookmark.js"

it("positions have one text, grouped by epoch", () => {
  const positions = new Map([
    ["orders", { epoch: "7c1f", offset: 41 }],
    ["news", { epoch: "a;b,c", offset: 0 }],
    ["room:7", { epoch: "7c1f", offset: 3 }],
  ])
  expect(textOf(positions)).toBe("7c1f,orders=41,room:7=3;a%3Bb%2Cc,news=0")
  expect(Object.fromEntries(positionsOf(textOf(positions)))).toEqual(Object.fromEntries(positions))
  expect(positionsOf("")).toEqual(new Map())
})
