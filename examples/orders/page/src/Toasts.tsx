import { useState } from "react"

interface Toast {
  id: number
  text: string
}

export function useToasts() {
  const [toasts, setToasts] = useState<Toast[]>([])
  return {
    toasts,
    show: (text: string) => setToasts((before) => [...before, { id: (before.at(-1)?.id ?? 0) + 1, text }]),
    dismiss: (id: number) => setToasts((before) => before.filter((toast) => toast.id !== id)),
  }
}

/** A toast disappears when its animation ends. The animation pauses under the pointer. */
export function Toasts({ toasts, dismiss }: { toasts: Toast[]; dismiss: (id: number) => void }) {
  return (
    <div className="toasts">
      {toasts.map(({ id, text }) => (
        <p key={id} role="alert" onAnimationEnd={() => dismiss(id)}>
          {text}
          <button onClick={() => dismiss(id)}>Dismiss</button>
        </p>
      ))}
    </div>
  )
}
