"""For `uvicorn --ws pattern_stack.fastlane:FastLane`: uvicorn's WebSocket protocol with prepared frames."""

from pattern_stack.atoms.broadcast.transports.fastlane import FastLane as FastLane
