"""Drums heard in a recording: which instrument, when, how hard, how sure."""
