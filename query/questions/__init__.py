"""Typed questions over the log, with the meaning that users of product analytics rely on: one file a question.

``asking`` is the door: it reads a question, answers it, and gives the users and events behind a cell of an answer.
"""
