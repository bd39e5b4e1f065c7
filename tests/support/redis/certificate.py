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


def certificate(directory: Path, names: str = "IP:127.0.0.1,DNS:localhost", days: int = 1) -> Certificate:
    """A new one for these names, good for so many days; `days=-1`: until yesterday."""
    made = Certificate(directory / "certificate.pem", directory / "key.pem")
    request, extension = directory / "request.pem", directory / "names.cnf"
    extension.write_text(f"subjectAltName={names}\n")
    _openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-keyout", made.key, "-out", request)
    signed = ["-req", "-in", request, "-signkey", made.key, "-days", str(days), "-extfile", extension]
    _openssl("x509", *signed, "-out", made.path)
    return made


def _openssl(*arguments: str | Path) -> None:
    subprocess.run([program("openssl"), *arguments], check=True, capture_output=True)
