"""Alembic's folder: how the database came to its present tables, one file for each step."""
