import { createContext, useContext, useEffect, useMemo, useState, type ReactElement, type ReactNode } from "react"
import { BroadcastClient, type BroadcastOptions, type TokenSource } from "@pattern-stack/broadcast"
import { isEqual } from "../options.js"
import { trackReads } from "./reads.js"

const Context = createContext<BroadcastClient | null>(null)

/** Either a client, which the application creates, connects and disconnects itself; or the URL of one that lives as long as the
 * provider.
 *
 * Another URL or another value in `options` makes another client. Functions do not: the `token` function of the latest render is
 * called. If it belongs to another user now, give the provider another `key`.
 */
export type BroadcastProviderProps = { children?: ReactNode } & (
  | { client: BroadcastClient<any>; url?: never; options?: never }
  | { url: string; options?: BroadcastOptions; client?: never }
)

/** Provides one client to the components below. It makes none of them render again, except those that read the client's state. */
export function BroadcastProvider({ client: given, url, options, children }: BroadcastProviderProps): ReactElement {
  const [used, setUsed] = useState(() => new LatestOptions(options))
  if (!isEqual(used.options, options, () => true)) setUsed(new LatestOptions(options))
  useEffect(() => used.update(options))
  // a client does nothing before connect(), so one that StrictMode throws away costs nothing
  const client = useMemo(() => trackReads(given ?? new BroadcastClient(url, used.options)), [given, url, used])
  useEffect(() => {
    if (given) return undefined
    client.connect()
    return () => client.disconnect()
  }, [client, given])
  return <Context.Provider value={client}>{children}</Context.Provider>
}

/** Options whose `token` function is always that of the latest render. */
class LatestOptions {
  readonly options: BroadcastOptions | undefined
  #token: Exclude<TokenSource, string> | undefined

  constructor(options: BroadcastOptions | undefined) {
    this.update(options)
    this.options = this.#token ? { ...options, token: (stale) => this.#token!(stale) } : options
  }

  update(options: BroadcastOptions | undefined): void {
    if (typeof options?.token === "function") this.#token = options.token
  }
}

/** The client of the provider above. Throws if there is no provider. */
export function useClient(): BroadcastClient {
  const client = useContext(Context)
  if (!client) throw new Error("useBroadcast needs a <BroadcastProvider> above it")
  return client
}
