"""What Alembic runs: the migrations, over the connection and in the transaction that `schema` has opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
