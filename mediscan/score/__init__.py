"""Scoring by the ten thousand: `run` keeps a ledger in which no record disappears."""
