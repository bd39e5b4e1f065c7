"""Settings out of environment variables. Only the application, the server and the command line read them."""

import logging
import os
from difflib import get_close_matches
from pathlib import Path

from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from pattern_stack.errors import InvalidSetting

logger = logging.getLogger(__name__)

_PREFIX = "PATTERN_STACK_"
_BARE = ("BROADCAST_URL", "REDIS_URL")
"""Settings without the prefix."""
_OF_COMMANDS = {"PATTERN_STACK_URL"}
"""What the command line reads."""


class Settings(BaseSettings):
    """Read from variables with the prefix PATTERN_STACK_; BROADCAST_URL and REDIS_URL have none. An empty one is ignored.

    Its repr leaves out every value that may contain a password.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_ignore_empty=True, populate_by_name=True)

    broadcast_url: str = Field(
        default="auto://", validation_alias=AliasChoices("BROADCAST_URL", "REDIS_URL"), repr=False
    )
    """Where events go: see `broadcast_from_url`. BROADCAST_URL wins over REDIS_URL."""
    channel_prefix: str = Field(default="pattern_stack", pattern=r"^[^\s{}]{1,100}$")
    """Keeps applications on one server apart: 1 to 100 printable characters without braces and spaces."""
    patience: float = Field(default=3, ge=0, le=3_600)
    """Seconds that calls wait while the link to Redis is down, counted from the break. From then on they answer 503 at once."""
    origins: list[str] = []
    """Origins of pages on other hosts that may connect and change something, as a JSON list: `["https://app.example"]`."""
    inspector_token: str | None = Field(default=None, repr=False)
    """Who has it may look at /inspector. None: there is no such page."""
    database_url: str = Field(default="sqlite+aiosqlite:///pattern_stack.db", repr=False)
    """Where projects are kept: any URL that SQLAlchemy has an asynchronous driver for."""
    fleet_computer: str | None = None
    """This computer's name in its fleet. None: the host's name."""
    fleet_redis_url: str | None = Field(default=None, repr=False)
    """The Redis of the fleet; None: this computer is alone. It is independent of broadcast_url."""
    fleet_prefix: str = "pattern_stack:fleet"
    """The prefix of the fleet's keys and channels in Redis."""
    fleet_heartbeat_seconds: float = Field(default=30, ge=0.05, le=86_400)
    """Seconds. The same on all computers: one that is silent for twice as long counts as gone."""
    fleet_directory: Path | None = None
    """Its subdirectories are projects, with their todos in todos/*.md. See docs/fleet.md."""


def broadcast_variable() -> str:
    """The variable that settings.broadcast_url comes from."""
    return "REDIS_URL" if os.environ.get("REDIS_URL") and not os.environ.get("BROADCAST_URL") else "BROADCAST_URL"


def from_environment() -> Settings:
    """The settings. Raises InvalidSetting, which names the variable that cannot be read, and quotes nothing of its value. A
    variable with the prefix that is no setting is logged."""
    _warn_of_unknown()
    try:
        return Settings()
    except ValidationError as error:
        faults = [f"{_PREFIX}{fault['loc'][0]}".upper() + f": {fault['msg']}" for fault in error.errors()]
        raise InvalidSetting("; ".join(faults)) from None  # the cause quotes the value
    except SettingsError:  # the only list, which is not JSON
        raise InvalidSetting(f'{_PREFIX}ORIGINS is not a JSON list, like ["https://app.example"]') from None


def _warn_of_unknown() -> None:
    names = [name.upper() for name in Settings.model_fields if name != "broadcast_url"]
    for variable in sorted(os.environ):
        name = variable.removeprefix(_PREFIX)
        if variable == name or name in names or variable in _OF_COMMANDS:
            continue
        meant = [name] if name in _BARE else [_PREFIX + close for close in get_close_matches(name, names, 1)]
        logger.warning("%s is no setting, and is ignored%s", variable, f": is {meant[0]} meant?" if meant else "")
