"""The rules, without IO."""
