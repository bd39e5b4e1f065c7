"""What a computer knows of its fleet, and what follows from each message: without IO and without asyncio."""
