"""What a system has to have installed: its versions, or how to install it."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path

from benchmarks.redis import SERVER

Versions = Callable[[], dict[str, str]]

PEERS = "make bench-peers"
NODE = "apt-get install nodejs npm, and make bench-peers"
REDIS = "apt-get install redis-server"
NCHAN = "apt-get install nginx libnginx-mod-nchan"

NCHAN_MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")  # where Debian's package has it


class Missing(LookupError):
    """Says how to install what is not here."""


def compiler() -> dict[str, str]:
    return {"cc": _said("cc", "-dumpfullversion")}


def over_redis(others: Versions) -> Versions:
    """And a server of Redis."""

    def versions() -> dict[str, str]:
        if not shutil.which(SERVER):
            raise Missing(REDIS)
        found = re.search(r"v=(\S+)", _said(SERVER, "--version"))
        return {**others(), Path(SERVER).name: found[1] if found else "?"}

    return versions


def python(home: Path, install: str, *names: str) -> Versions:
    """Packages of the virtual environment `home`."""

    def versions() -> dict[str, str]:
        site = [str(path) for path in home.glob("lib/*/site-packages")]
        found = {name: [one.version for one in distributions(name=name, path=site)] for name in names}
        if not all(found.values()):
            raise Missing(install)
        return {name: several[0] for name, several in found.items()}

    return versions


def node(modules: Path, *names: str) -> Versions:
    """Packages of a node_modules directory, and Node.js."""

    def versions() -> dict[str, str]:
        if not shutil.which("node"):
            raise Missing(NODE)
        files = {name: modules / name / "package.json" for name in names}
        if not all(file.exists() for file in files.values()):
            raise Missing(PEERS)
        found = {name: json.loads(file.read_text())["version"] for name, file in files.items()}
        return {"node": _said("node", "--version").lstrip("v"), **found}

    return versions


def nginx() -> str:
    """Its path. Debian has it where only root looks."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "nginx"


def nchan() -> dict[str, str]:
    if not shutil.which(nginx()) or not NCHAN_MODULE.exists():
        raise Missing(NCHAN)
    version = re.search(r"nginx/(\S+)", _said(nginx(), "-v"))
    return {
        "nginx": version[1] if version else "?",
        "nchan": _said("dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan"),
    }


def _said(*command: str) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    return done.stdout.strip()
