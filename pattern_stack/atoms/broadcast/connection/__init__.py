"""One client connection: its commands, its subscriptions, and their hooks."""
