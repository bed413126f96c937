"""Celery shells round plain functions: analyse, report, deliver."""
