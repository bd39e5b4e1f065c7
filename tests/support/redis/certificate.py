"""What a server shows over TLS."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.programs import program


@dataclass(frozen=True)
class Certificate:
    """For 127.0.0.1 and localhost; signed by nobody but itself, so that it is its own authority."""

    path: Path
    key: Path


def certificate(directory: Path) -> Certificate:
    """A new one, good for a day."""
    made = Certificate(directory / "certificate.pem", directory / "key.pem")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    kind = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-out", made.path, "-keyout", made.key]
    subprocess.run([program("openssl"), "req", *kind, *names], check=True, capture_output=True)
    return made
