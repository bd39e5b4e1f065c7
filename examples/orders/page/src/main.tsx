import { StrictMode } from "react"
import { createRoot } from "react-dom/client"
import { QueryClient, QueryClientProvider } from "@tanstack/react-query"
import { BroadcastProvider } from "@pattern-stack/broadcast/react"
import { App } from "./App"
import "./style.css"

// staleTime: the channel says when something is out of date; nothing else need ask
const queries = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity } } })

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <BroadcastProvider url="/ws/broadcast">
        <App />
      </BroadcastProvider>
    </QueryClientProvider>
  </StrictMode>,
)
