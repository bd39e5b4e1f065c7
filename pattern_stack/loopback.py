"""Whether an address is on this machine."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether a host is reached without a network: `localhost`, 127.0.0.0/8 and ::1. Names are not looked up."""
    name = host.strip("[]").rstrip(".").lower()
    try:
        address = ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
    return address.is_loopback


def own_address(host: str) -> str:
    """Where a server of this machine that listens on `host` is reached from here, as a URL has it."""
    name = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - it is compared
    return f"[{name}]" if ":" in name else name
