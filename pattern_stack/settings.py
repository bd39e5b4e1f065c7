"""What the environment says. Only the application, the server and the command line read it."""

from pathlib import Path

from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from pattern_stack.errors import InvalidSetting

_PREFIX = "PATTERN_STACK_"


class Settings(BaseSettings):
    """Read from variables with the prefix PATTERN_STACK_, BROADCAST_URL and REDIS_URL without one. An empty one says nothing."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_ignore_empty=True, populate_by_name=True)

    broadcast_url: str = Field(default="memory://", validation_alias=AliasChoices("BROADCAST_URL", "REDIS_URL"))
    """Where events go: see `broadcast_from_url`. BROADCAST_URL wins over REDIS_URL."""
    origins: list[str] = []
    """Origins of pages on other hosts that may connect, as a JSON list: `["https://app.example"]`."""
    database_url: str = "sqlite+aiosqlite:///pattern_stack.db"
    """Where projects are kept: any URL that SQLAlchemy has an asynchronous driver for."""
    fleet_computer: str | None = None
    """What this computer is called in its fleet; the host's name, where none is given."""
    fleet_redis_url: str | None = None
    """Where the computers of a fleet meet; without one this computer is alone. It has nothing to do with broadcast_url."""
    fleet_prefix: str = "pattern_stack:fleet"
    """Of the fleet's keys and channels in Redis."""
    fleet_heartbeat_seconds: float = Field(default=30, ge=0.05, le=86_400)
    """The same on all computers: one that is silent for twice that is gone."""
    fleet_directory: Path | None = None
    """Its directories are projects, their todos/*.md todos: see docs/fleet.md."""


def from_environment() -> Settings:
    """What the environment says; InvalidSetting names what of it cannot be read."""
    try:
        return Settings()
    except ValidationError as error:
        told = [f"{_PREFIX}{wrong['loc'][0]}".upper() + f": {wrong['msg']}" for wrong in error.errors()]
        raise InvalidSetting("; ".join(told)) from None  # it quotes the value
    except SettingsError:  # what is a list is JSON
        raise InvalidSetting(f'{_PREFIX}ORIGINS is not a JSON list, like ["https://app.example"]') from None
