"""What messages of every standard have in common.

- `measurements`: vital signs and laboratory values by LOINC code, in one unit each
- `moments`: times that may be as coarse as a year, and which of two came first
- `notices`: what was passed over
- `sections`: the sections of several reports as one note
"""
