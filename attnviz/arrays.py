"""What a measure or a layer works on: an array of any library that speaks the array API, numpy or torch."""

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

# The array API standard has no type to name yet; annotating with this says which values are such arrays.
Array = Any


def namespace(*arrays: Array) -> ModuleType:
    """Give the array library of some arrays, by the array API's names."""
    # Numpy speaks the standard itself since version 2.1, and its compatibility layer takes 0.1 s to import.
    if all(isinstance(array, np.ndarray) for array in arrays):
        return np
    import array_api_compat

    library: ModuleType = array_api_compat.array_namespace(*arrays)
    return library


def on_cpu(array: Array) -> NDArray[Any]:
    """Bring an array of any library and device to numpy, as float32 where numpy has no such type."""
    if isinstance(array, np.ndarray):
        return array
    import array_api_compat

    xp = namespace(array)
    plain = array if str(array.dtype).rpartition(".")[2] != "bfloat16" else xp.astype(array, xp.float32)
    return np.asarray(array_api_compat.to_device(plain, "cpu"))
