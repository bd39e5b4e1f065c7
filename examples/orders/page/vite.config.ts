import react from "@vitejs/plugin-react"
import { defineConfig } from "vite"

const server = "http://127.0.0.1:8000"

export default defineConfig({
  plugins: [react()],
  // the package is a link into its clone, where a React of its own lies: there must be one
  resolve: { dedupe: ["react", "react-dom", "@tanstack/react-query"] },
  // `npm run dev` beside `make example`
  server: { proxy: { "/api": server, "/ws": { target: server, ws: true } } },
})
