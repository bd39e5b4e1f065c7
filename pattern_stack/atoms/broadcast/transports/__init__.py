"""How bytes reach a socket: the endpoint, and the two transports."""
