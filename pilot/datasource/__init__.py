"""The users' databases: connect, read the schema, check SQL, run it read-only within limits."""
