/** Which queries an event with an id concerns: the entity, and the lists that may show it. No React, no IO. */

import type { Query, QueryKey } from "@tanstack/react-query"

/** `all`: every list under the prefix. `exact`: only the query whose key is exactly the prefix. */
export type Lists = "all" | "exact"

const LISTS = /^(all|count|filter(ed)?|index|infinite|lists?|pages?|paginated|search|table)$/i
const DETAILS = /^(by-?id|details?|item|one)$/i

/** Whether an event about these ids makes the query stale. The query's key begins with the prefix.
 *
 * A key names another entity if what follows the prefix is an id: a number, or text that is no name of a list. Where the key leaves
 * it open the data decides: an array, a page of an array, or the pages of an infinite query are a list.
 */
export function isConcerned(query: Query, prefix: QueryKey, ids: ReadonlySet<unknown>, lists: Lists): boolean {
  const rest = query.queryKey.slice(prefix.length)
  if (rest.length === 0 || ids.has(rest[0])) return true
  if (lists === "exact") return false
  return rest.some((part) => ids.has(part)) || isList(rest, query.state.data)
}

function isList([head, ...more]: QueryKey, data: unknown): boolean {
  if (isListData(data)) return true
  if (typeof head === "number" || typeof head === "bigint") return false
  if (typeof head !== "string") return true
  if (LISTS.test(head)) return true
  if (DETAILS.test(head) || /\d/.test(head)) return false
  return more.length > 0 || data === undefined
}

/** An array, `{ data: [...], count }` and the like, or the pages of an infinite query. An entity that holds an array has an id. */
function isListData(data: unknown): boolean {
  if (Array.isArray(data)) return true
  if (typeof data !== "object" || data === null || "id" in data || "entity_id" in data) return false
  return ["data", "items", "pages", "records", "results", "rows"].some((name) => Array.isArray(Reflect.get(data, name)))
}
