"""Image and note brought into one space, without labels: pretraining, and what can be asked of such a space.

| module | holds |
|---|---|
| `statements` | a note as its statements, each read alone |
| `losses` | the contrastive losses, of whole notes and of single statements |
| `network` | the encoders of a `DiagnosisNetwork` with the heads that aligning them needs |
| `pairs`, `batches` | studies that have both sides; training batches of them |
| `masked_words`, `steps` | masked-language modelling; all losses of one step |
| `pretrain` | the way from a manifest to a folder |
| `folder`, `initial` | that folder: written, checked, opened; its encoders as the start of `mediscan train` |
| `embeddings`, `embedders` | studies and texts as unit vectors; by aligned encoders or by a bundle |
| `retrieval`, `query` | how well one side finds the other; what fits a text or a study |
| `prompts`, `zero_shot` | findings by prompts |
| `search`, `index` | the nearest vectors; the most similar cases |
"""
