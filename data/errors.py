"""Wrong input as a type: what the user can mend, told in one line.

Everything else that goes wrong in our code is a bug and keeps its traceback.
"""


class InputError(ValueError):
    """A file, key or argument of the user's is wrong.

    The message names which one, what was expected and what came; it is one sentence without a
    patient's name, id or free text.
    """
