"""Pretrained text encoders and decoders of transformers; the only room that knows that library.

The arrows, in order: `find` (a name -> a folder), `load` (a folder -> a model that is whole), `outline`
(which layers and heads attend), `text` (a text -> tokens), `capture` (tokens -> rows of weights), and
`source`, which joins them.
"""
