"""One instance of the broadcast atom: its hub, connections and in-process listeners on one event loop."""
