export { useBroadcast, useBroadcastEvent, useBroadcastState, useEvents } from "./hooks.js"
export { BroadcastProvider, type BroadcastProviderProps } from "./provider.js"
export { usePresence, useSend, type Send } from "./upstream.js"
