/** The connection state in the top bar. */

import { clock } from "./elements.js"

const TEXTS = { connecting: "Connecting", connected: "Live", reconnecting: "Reconnecting", disconnected: "Disconnected, reload to try again" }

/** Shows the client's state in `element`. "Live" also means that the server has acknowledged every channel in `channels()`.
 * While reconnecting, the text tells how old the data on the page is. */
export function showState(client, element, channels) {
  let live = false
  let lastLive = null
  client.onStateChange(async (state) => {
    if (state === "connected") {
      await Promise.allSettled(channels().map((channel) => client.ready(channel)))
      if (client.state !== "connected") return
      live = true
    } else if (live) {
      live = false
      lastLive = new Date()
    }
    element.dataset.state = state
    element.textContent = state === "reconnecting" && lastLive ? `${TEXTS[state]}, data as of ${clock(lastLive)}` : TEXTS[state]
    element.title = client.lastClose && state !== "connected" ? `${client.lastClose.code} ${client.lastClose.reason}` : ""
  })
}
