"""How good a model is, with how much certainty, and where each number comes from.

`metrics` measures, `bootstrap` gives the intervals, `report` writes the page that people read.
"""
