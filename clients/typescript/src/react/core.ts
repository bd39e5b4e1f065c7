export { useBroadcastEvent, useBroadcastState } from "./hooks.js"
export { BroadcastProvider, useBroadcast, type BroadcastProviderProps } from "./provider.js"
