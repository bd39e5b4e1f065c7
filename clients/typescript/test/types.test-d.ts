/** Types of the public API. `npm run types` checks this file. */

import { expectTypeOf } from "vitest"
import {
  BroadcastClient,
  getBroadcastClient,
  initBroadcast,
  type BroadcastError,
  type BroadcastEvent,
  type BroadcastOptions,
  type BroadcastSocket,
  type BroadcastState,
  type Close,
  type TokenSource,
  type Unsubscribe,
} from "@pattern-stack/broadcast"
import { useBroadcast, useBroadcastEvent, useBroadcastInvalidation, useBroadcastState, type BroadcastProviderProps } from "@pattern-stack/broadcast/react"
import { sharedSocket } from "@pattern-stack/broadcast/shared"

declare const client: BroadcastClient

expectTypeOf(client.state).toEqualTypeOf<"disconnected" | "connecting" | "connected" | "reconnecting">()
expectTypeOf(client.lastClose).toEqualTypeOf<Close | null>()
expectTypeOf(client.onStateChange).parameter(0).toEqualTypeOf<(state: BroadcastState) => void>()
expectTypeOf(client.onReset).parameter(0).toEqualTypeOf<(channel: string) => void>()
expectTypeOf(client.onError).parameter(0).toEqualTypeOf<(error: BroadcastError) => void>()
expectTypeOf(client.ready("orders")).toEqualTypeOf<Promise<void>>()
expectTypeOf(client.subscribe("orders", () => {})).toEqualTypeOf<Unsubscribe>()

client.subscribe("orders", (event) => {
  expectTypeOf(event.offset).toEqualTypeOf<number | undefined>()
  expectTypeOf(event.payload["entity_id"]).toBeAny()
})
client.subscribe("orders", ({ payload }: BroadcastEvent<{ entity_id: string }>) => {
  expectTypeOf(payload.entity_id).toBeString()
})
client.subscribe<{ total: number }>("orders", async ({ payload }) => {
  expectTypeOf(payload).toEqualTypeOf<{ total: number }>()
})
// @ts-expect-error -- the handler is missing
client.subscribe("orders")
// @ts-expect-error -- state is read-only
client.state = "connected"

expectTypeOf(initBroadcast("/ws/broadcast")).toEqualTypeOf<BroadcastClient>()
expectTypeOf(getBroadcastClient()).toEqualTypeOf<BroadcastClient>()
expectTypeOf<WebSocket>().toExtend<BroadcastSocket>()
expectTypeOf<import("ws").WebSocket>().toExtend<BroadcastSocket>()
expectTypeOf(sharedSocket).returns.toExtend<NonNullable<BroadcastOptions["socket"]>>()
expectTypeOf<() => Promise<string>>().toExtend<TokenSource>()
expectTypeOf<(stale?: string) => { token: string; expiresAt: number } | null>().toExtend<TokenSource>()

expectTypeOf<{ url: string }>().toExtend<BroadcastProviderProps>()
expectTypeOf<{ client: BroadcastClient }>().toExtend<BroadcastProviderProps>()
expectTypeOf<{ client: BroadcastClient; url: string }>().not.toExtend<BroadcastProviderProps>()
expectTypeOf(useBroadcast).returns.toEqualTypeOf<BroadcastClient>()
expectTypeOf(useBroadcastState).returns.toEqualTypeOf<BroadcastState>()
expectTypeOf(useBroadcastEvent<{ n: number }>).parameter(1).toEqualTypeOf<(event: BroadcastEvent<{ n: number }>) => void>()
expectTypeOf(useBroadcastInvalidation).parameter(0).toExtend<{ channel: string | null; queryKeyPrefix: readonly unknown[]; enabled?: boolean }>()
