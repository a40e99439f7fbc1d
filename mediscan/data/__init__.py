"""From a study to arrays: `planes` (decoded and fitted, or cached), `notes`, `examples` (both), `batch` (tensors).

Only `batch` and `augment` import torch, so that decoding processes start fast.
"""
