/** The page's connection to the broadcast endpoint of its server. */

import { BroadcastClient } from "./client.js"
import { $ } from "./elements.js"
import { showState } from "./state.js"

/** Connects a client, and shows its state in the top bar. `channels()` returns the channels that the page subscribes to. */
export function connect(channels) {
  const client = new BroadcastClient(new URL("../ws/broadcast", import.meta.url).href)
  showState(client, $("state"), channels)
  client.connect()
  return client
}
