"""Models of transformers, and any other torch module; the only room that knows these libraries.

The arrows, in order: `loading` (a name -> a folder -> a model that is whole), `inputs` (a prompt -> a `Feed`:
what goes into the model, and what its positions are called), `watching` (the model run once, unchanged: which
call is which layer of which block), `capturing` (run again: rows of weights, each held to its checks), and
`reading`, which makes the record. `paths` are the ways to a call: one file each.
"""
