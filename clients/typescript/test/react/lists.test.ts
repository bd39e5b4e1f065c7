import { QueryClient, type QueryKey } from "@tanstack/react-query"
import { expect, it } from "vitest"
import { isConcerned } from "../../src/react/lists.js"

const prefix = ["items"]

/** Whether an event about item 7 concerns the query with this key, which holds this data. */
function concerned(key: QueryKey, data: unknown): boolean {
  const queries = new QueryClient()
  queries.setQueryData(key, data)
  return isConcerned(queries.getQueryCache().find({ queryKey: key })!, prefix, new Set([7]), "all")
}

const page = { data: [{ id: 8 }], count: 1 }
const pages = { pages: [page], pageParams: [0] }

it.each<[QueryKey, unknown]>([
  [["items"], page],
  [["items", { skip: 0, limit: 10 }], page],
  [["items", 3], page],
  [["items", "mine"], [{ id: 8 }]],
  [["items", "infinite"], pages],
  [["items", "infinite", { limit: 10 }], pages],
  [["items", "list", 2], { total: 3 }],
  [["items", "by-owner", "ann"], { total: 3 }],
  [["items", true], null],
  [["items", 7], { id: 7, parts: [] }],
  [["items", 7, "comments"], { count: 3 }],
  [["items", "detail", 7], { id: 7 }],
])("%j is the entity or a list", (key, data) => {
  expect(concerned(key, data)).toBe(true)
})

it.each<[QueryKey, unknown]>([
  [["items", 8], { id: 8, items: [1] }],
  [["items", "7"], { id: "7" }],
  [["items", "ann"], { name: "Ann" }],
  [["items", "5f0c2a4e-8a3e-4d19-9a53-2f3a5a1c0c11"], { name: "Bob" }],
  [["items", 8, "comments"], { count: 3 }],
  [["items", "detail", 8], { id: 8 }],
])("%j is another entity", (key, data) => {
  expect(concerned(key, data)).toBe(false)
})
