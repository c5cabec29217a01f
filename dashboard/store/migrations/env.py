"""What Alembic runs: the migrations on the connection and in the transaction that `dashboard.store.migration` gives."""

from alembic import context

from dashboard.store.schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
