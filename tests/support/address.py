"""Where a server is."""


class Address:
    """Of what answers on the loopback port `port`, with the backend where applications have it."""

    port: int

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/broadcast"
