"""The web process: the page, the REST doors, the login. No model weights here."""
