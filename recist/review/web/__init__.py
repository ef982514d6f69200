"""The server: routes, sessions, and what keeps others out."""
