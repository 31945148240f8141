"""Fixtures of the hostile tests come with harness.py."""
