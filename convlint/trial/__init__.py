"""Runs a model on the four routes and compares with eager, in a worker process that may die without harm.

``inputs`` reads the language of example inputs, ``samples`` makes the tensors, ``routes`` exports, ``compare``
compares, ``execute`` puts these together inside the worker (``worker``); ``runner`` is what the rest of convlint calls.
"""
