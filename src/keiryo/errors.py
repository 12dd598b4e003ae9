"""The one exception that means: the user's input is at fault, not keiryo."""


class InputError(Exception):
    """A request that cannot be carried out as it was put.

    Its text is one or two plain lines that name the file or option and what to do;
    the command line prints them and exits with status 2.
    """
