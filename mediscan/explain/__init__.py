"""Why a model said what it said: `saliency` in the image, `spans` in the note, `shares` of the modalities."""
