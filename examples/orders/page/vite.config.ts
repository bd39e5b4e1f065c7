import react from "@vitejs/plugin-react"
import { defineConfig } from "vite"

const server = "http://127.0.0.1:8000"

export default defineConfig({
  plugins: [react()],
  // the package is a link into its clone, which has its own React: load only one
  resolve: { dedupe: ["react", "react-dom", "@tanstack/react-query"] },
  // for `npm run dev` while `make example` runs
  server: { proxy: { "/api": server, "/sse": server, "/ws": { target: server, ws: true } } },
})
