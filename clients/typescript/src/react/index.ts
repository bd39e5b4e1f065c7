export * from "@pattern-stack/broadcast/react/core"
export { useBroadcastInvalidation, type BroadcastInvalidation } from "./invalidation.js"
