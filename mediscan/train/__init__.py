"""Training: `loop` is the table of contents.

`studies` reads, `batches` draws, `step` computes, `fit` loops and keeps (`checkpoint`, `average`, `validate`), `finish`
writes the bundle (`calibrate`). `optimize`, `layers`, `losses` and `arithmetic` say how it learns; `processes`,
`batch_norm` and `sharding` let several processes do it; `folds` and `search` repeat it.
"""
