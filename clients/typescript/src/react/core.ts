export { useBroadcast, useBroadcastEvent, useBroadcastState } from "./hooks.js"
export { BroadcastProvider, type BroadcastProviderProps } from "./provider.js"
export { usePresence, useSend, type Send } from "./upstream.js"
