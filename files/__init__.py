"""Files of rows: as whole tables (``tables``), or row by row in bounded memory (``rows``).

The one home of reading files: every command and the trainer read through here, so that a file means the same to all of them.
What cells stand for is decided after reading (``cells``), by who asks: a file of text has no types of its own.
"""
