"""The database file: schema, migrations, copies, and the lock on its folder."""
