"""Personalities as files, one JSON document each: made to be edited by hand and read in `git diff`."""
