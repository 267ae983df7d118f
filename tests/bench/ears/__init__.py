"""How well the product hears, on labelled recordings: `make bench-ears`. See `__main__.py` for use, `labels.py` for
the format of the labels.
"""
