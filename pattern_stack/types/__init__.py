"""The types of an application's channels, for those who write clients: TypeScript, and what a change of them breaks."""
