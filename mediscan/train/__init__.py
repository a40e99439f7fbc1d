"""Training: `loop` is the table of contents; `losses`, `calibrate`, `checkpoint` and `studies` are its parts."""
