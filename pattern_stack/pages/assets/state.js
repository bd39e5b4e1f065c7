/** What the line on top says of the connection. */

import { clock } from "./elements.js"

const WORDS = { connecting: "Connecting", connected: "Live", reconnecting: "Reconnecting", stopped: "Stopped, reload to try again" }

/** For a Connection: shows its states in `place`. While it is not up, the time tells how old everything on the page is. */
export function showState(place) {
  let last = null
  return (state, detail) => {
    if (state === "connecting" && last) return // still a try to reconnect
    if (state === "connected") last = true
    else if (last === true) last = new Date()
    place.dataset.state = state
    place.textContent = state === "reconnecting" && last ? `${WORDS[state]}: as of ${clock(last)}` : WORDS[state]
    place.title = detail
    document.documentElement.dataset.state = state
  }
}
