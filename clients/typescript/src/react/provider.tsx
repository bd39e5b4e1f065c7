import { createContext, useContext, useEffect, useMemo, type JSX, type ReactNode } from "react"
import { BroadcastClient, type BroadcastOptions } from "@pattern-stack/broadcast"

const Context = createContext<BroadcastClient | null>(null)

/** Either a client, which the application creates, connects and disconnects itself; or the URL of one that lives as long as the
 * provider. `options` are those of the first render with that URL. */
export type BroadcastProviderProps = { children?: ReactNode } & (
  | { client: BroadcastClient; url?: never; options?: never }
  | { url: string; options?: BroadcastOptions; client?: never }
)

/** Provides one client to the components below. The context value never changes, so it makes no component render again. */
export function BroadcastProvider({ client: given, url, options, children }: BroadcastProviderProps): JSX.Element {
  // a client does nothing before connect(), so one that StrictMode throws away costs nothing
  const client = useMemo(() => given ?? new BroadcastClient(url, options), [given, url]) // oxlint-disable-line react/memo-dependencies, react-hooks/exhaustive-deps
  useEffect(() => {
    if (given) return undefined
    client.connect()
    return () => client.disconnect()
  }, [client, given])
  return <Context.Provider value={client}>{children}</Context.Provider>
}

/** The client of the provider above. Throws if there is no provider. */
export function useBroadcast(): BroadcastClient {
  const client = useContext(Context)
  if (!client) throw new Error("useBroadcast needs a <BroadcastProvider> above it")
  return client
}
