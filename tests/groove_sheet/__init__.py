"""Beats to look at and to hear: `python -m tests.groove_sheet OUT_DIR` writes them as pages, a style each."""
