"""The one place where numba meets the type checker: a decorator that keeps the types of what it compiles.

Kernels are compiled when their module is imported (and cached beside it), for exactly the declared shapes: nothing
compiles in the middle of a stream. No ``fastmath`` and no ``parallel``: both would let sums depend on the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

F = TypeVar("F", bound=Callable[..., Any])

I8 = npt.NDArray[np.int8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def kernel(*signature: Any) -> Callable[[F], F]:
    """Compile now for ``signature`` (one numba signature), or with none: when first called from another kernel."""
    return _compiled(*signature)


def per_row(*signature: Any) -> Callable[[F], F]:
    """Like ``kernel``, for what takes views of its arrays for every row, and makes no array.

    numba counts no references then (``_nrt``, as in its own sorts), which costs such a kernel more than its arithmetic.
    """
    return _compiled(*signature, _nrt=False)


def _compiled(*signature: Any, **options: bool) -> Callable[[F], F]:
    import numba  # here, not above: who needs the array types only does without 20 MB and a second

    def compile_it(function: F) -> F:
        return cast(F, numba.njit(*signature, cache=True, nogil=True, error_model="numpy", **options)(function))

    return compile_it


def reads(scalar: Any, ndim: int = 1) -> Any:
    """The numba type of a contiguous input array; read-only, so that Arrow's buffers are taken without a copy."""
    import numba

    return numba.types.Array(scalar, ndim, "C", readonly=True)


def writes(scalar: Any, ndim: int = 1) -> Any:
    """The numba type of a contiguous array that the kernel writes to."""
    import numba

    return numba.types.Array(scalar, ndim, "C")


def column(values: npt.ArrayLike, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """``values`` as a contiguous array of ``dtype``; no copy where it is one already."""
    return np.ascontiguousarray(values, dtype)
