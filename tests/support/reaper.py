"""Ends what tests started where they cannot do so themselves: the run was killed."""

import atexit
import subprocess
from functools import cache

_SCRIPT = """
trap '' HUP INT TERM
while read -r sign group; do
  if [ "$sign" = + ]; then
    groups="$groups $group"
  else
    left=
    for one in $groups; do [ "$one" = "$group" ] || left="$left $one"; done
    groups=$left
  fi
done
for group in $groups; do kill -9 "-$group"; done
"""
"""Its input ends when this process does, however that comes about."""


def watch(group: int) -> None:
    """Have the process group killed when this process is gone."""
    _tell(f"+ {group}")


def forget(group: int) -> None:
    """It has ended: its number may soon be somebody else's."""
    _tell(f"- {group}")


def _tell(line: str) -> None:
    pipe = _reaper().stdin
    assert pipe
    pipe.write(f"{line}\n".encode())


@cache
def _reaper() -> "subprocess.Popen[bytes]":
    # unbuffered: a line is out when write returns, and short writes to a pipe from several threads do not mix
    reaper = subprocess.Popen(["/bin/sh", "-c", _SCRIPT], stdin=subprocess.PIPE, bufsize=0, start_new_session=True)
    atexit.register(reaper.communicate)
    return reaper
