"""Staying up while PostgreSQL or Redis does not: deadlines, a circuit breaker, and Redis pools that report to it.

Knows no app, no model and none of this project's settings.
"""
