"""The bytes of WebSocket frames and handshakes (RFC 6455, RFC 7692), without IO."""
