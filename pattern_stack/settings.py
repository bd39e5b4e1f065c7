"""What the environment says. Only the application, the server and the command line read it."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from variables with the prefix PATTERN_STACK_, BROADCAST_URL without one."""

    model_config = SettingsConfigDict(env_prefix="PATTERN_STACK_", populate_by_name=True)

    broadcast_url: str = Field(default="memory://", validation_alias="BROADCAST_URL")
    """Where events go: see `broadcast_from_url`."""
    origins: list[str] = []
    """Origins of pages on other hosts that may connect, as a JSON list: `["https://app.example"]`."""
