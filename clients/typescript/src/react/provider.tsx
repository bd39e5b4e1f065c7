import { createContext, useContext, useEffect, useMemo, type JSX, type ReactNode } from "react"
import { BroadcastClient, type BroadcastOptions } from "@pattern-stack/broadcast"

const Context = createContext<BroadcastClient | null>(null)

/** Either a client that the application made, and connects and disconnects itself; or the address of one that lives as long
 * as the provider. `options` are those of the first render with that address. */
export type BroadcastProviderProps = { children?: ReactNode } & (
  | { client: BroadcastClient; url?: never; options?: never }
  | { url: string; options?: BroadcastOptions; client?: never }
)

/** One client for everything below. What it gives down never changes, so it makes nothing render again. */
export function BroadcastProvider({ client: given, url, options, children }: BroadcastProviderProps): JSX.Element {
  // a client does nothing before it is connected: one that StrictMode throws away costs nothing
  const client = useMemo(() => given ?? new BroadcastClient(url, options), [given, url]) // oxlint-disable-line react/memo-dependencies, react-hooks/exhaustive-deps
  useEffect(() => {
    if (given) return undefined
    client.connect()
    return () => client.disconnect()
  }, [client, given])
  return <Context.Provider value={client}>{children}</Context.Provider>
}

/** The client of the provider above. Throws where there is none. */
export function useBroadcast(): BroadcastClient {
  const client = useContext(Context)
  if (!client) throw new Error("useBroadcast needs a <BroadcastProvider> above it")
  return client
}
