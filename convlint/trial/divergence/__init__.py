"""Where an exported graph parts from eager: the first operator that it does not compute (``search``).

``tape`` records what eager computes and ``variables`` the Python numbers behind it, ``computed`` the tensors of the
graph; ``along`` says how far each of these is from eager; ``kept`` is what is kept of a tensor to tell it again,
``told`` what is said of it all.
"""
