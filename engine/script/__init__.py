"""Function bodies in JavaScript and Python.

JavaScript, in the order things happen:

| module | |
|---|---|
| ``source`` | the texts of a function |
| ``compilation`` | the text that is compiled from them, and what it needs |
| ``syntax``, ``scopes``, ``places``, ``uses``, ``vocabulary``, ``access`` | what a body can touch of its message |
| ``crossing``, ``entry`` | what crosses for one body: Python's side, JavaScript's side |
| ``javascript`` | the context that all functions share |
| ``function``, ``calls``, ``messages``, ``failures`` | one function: calling it, doing what it asked for, telling what went wrong |
| ``values``, ``mirror``, ``modules`` | values on the border, the context stores inside, the library inside (``js/``) |

``python`` is Python's. ``host`` is what both need of the node that holds them.
"""
