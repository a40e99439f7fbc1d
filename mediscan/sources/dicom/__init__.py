"""DICOM files and series.

- `read`: one file's pixels in physical units, and how it wants them shown
- `header`, `parsing`, `layout`, `walk`: a file up to its pixel data, parsed once and under caps
- `elements`, `meta`: single values, and what a header says of image and patient
- `decode`, `codestream`, `codecs_plugin`, `grey_jpeg`: stored samples by pinned decoders (`gdcm_child` runs one apart)
- `values`, `tables`: rescale, padding, windows and look-up tables
- `objects`, `flags`, `role`: what is no image, what a reader must know, what a series is for
- `series`, `stack`, `frames`: many files or frames as one volume
- `files`, `index`, `directory`: where series lie: folders, `FOLDER#SeriesInstanceUID`, DICOMDIR
"""
