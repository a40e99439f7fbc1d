"""From a study to arrays: `images` (decode and fit), `notes` (one text), `examples` (both, many), `batch` (tensors).

Only `batch` and `augment` import torch, so that decoding processes start fast.
"""
