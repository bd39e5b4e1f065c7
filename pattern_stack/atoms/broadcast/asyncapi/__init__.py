"""What flows over an application's channels, as an AsyncAPI 3.0 document."""
