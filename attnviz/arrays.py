"""What a measure or a layer works on: an array of any library that speaks the array API, numpy or torch."""

from typing import Any

# The array API standard has no type to name yet; annotating with this says which values are such arrays.
Array = Any
