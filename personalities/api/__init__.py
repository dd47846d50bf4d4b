"""Personalities over HTTP: JSON in the shape of the configuration, both ways."""
