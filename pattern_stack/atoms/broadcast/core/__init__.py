"""What happens to events and frames, without IO and without asyncio."""
