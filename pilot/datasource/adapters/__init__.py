"""One module per kind of database; reached through the registry in pilot.datasource.source."""
