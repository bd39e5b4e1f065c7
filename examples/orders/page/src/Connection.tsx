import { useBroadcastState } from "@pattern-stack/broadcast/react"

const WORDS = { connecting: "Connecting", connected: "Live", reconnecting: "Reconnecting", disconnected: "Offline" }

export function Connection() {
  const state = useBroadcastState()
  return (
    <p className="connection" role="status" data-state={state}>
      {WORDS[state]}
    </p>
  )
}
