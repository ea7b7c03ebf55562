"""Models of transformers, and any other torch module; the only room that knows these libraries.

The arrows, in order: `find` (a name -> a folder), `load` (a folder -> a model that is whole), `inputs` (a
prompt -> a `Feed`: what goes into the model, and what its positions are called), `sites` (the model watched
once: which call is which layer of which block), `capture` (the model run again: rows of weights, each held to
`checks`), and `reading`, which makes the record. `paths` are the ways to a call: one file each.
"""
