"""Pure mathematics on arrays: no I/O, no clock, no events.

Every streaming kernel is row-sequential: cutting the rows into other batches changes no bit of state or output.
"""
