"""The history of the schema; Alembic runs it, `mitregate.stores.schema` calls it."""
