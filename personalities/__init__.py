"""Personalities: who an AI companion is. Edited by people, read by programs thousands of times a second."""
