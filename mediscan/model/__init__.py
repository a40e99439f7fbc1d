"""The network: `image` and `text` give tokens, `fusion` lets them attend to each other, `network` answers.

`calibration` turns its logits into probabilities, `reference` knows what it was trained on, `bundle` keeps it all.
"""
