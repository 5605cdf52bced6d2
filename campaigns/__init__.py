"""The campaigns that ship with the package: YAML files, read as package data."""
