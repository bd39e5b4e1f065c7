import { StrictMode } from "react"
import { createRoot } from "react-dom/client"
import { QueryClient, QueryClientProvider } from "@tanstack/react-query"
import { BroadcastProvider } from "@pattern-stack/broadcast/react"
import { App } from "./App"
import "./style.css"

// staleTime: events invalidate the data, so nothing else has to fetch it again
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
