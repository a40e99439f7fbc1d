"""DICOM files and series.

- `read`: a file's pixels in physical units, and how it wants them shown
- `header`: a file up to its pixel data, and what that says
- `decode`: stored samples by pinned decoders (`gdcm_child` runs one of them apart)
- `series`: many files as one volume
"""
