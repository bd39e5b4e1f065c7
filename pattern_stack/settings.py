"""What the environment says. Only the application, the server and the command line read it."""

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from variables with the prefix PATTERN_STACK_, BROADCAST_URL and REDIS_URL without one. An empty one says nothing."""

    model_config = SettingsConfigDict(env_prefix="PATTERN_STACK_", env_ignore_empty=True, populate_by_name=True)

    broadcast_url: str = Field(default="memory://", validation_alias=AliasChoices("BROADCAST_URL", "REDIS_URL"))
    """Where events go: see `broadcast_from_url`. BROADCAST_URL wins over REDIS_URL."""
    origins: list[str] = []
    """Origins of pages on other hosts that may connect, as a JSON list: `["https://app.example"]`."""
    database_url: str = "sqlite+aiosqlite:///pattern_stack.db"
    """Where projects are kept: any URL that SQLAlchemy has an asynchronous driver for."""
