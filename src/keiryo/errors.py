"""The one exception that means: the user's input is at fault, not keiryo."""


class InputError(Exception):
    """A request that cannot be carried out as it was put.

    Its text is one or two plain lines that name the file or option and what to do;
    the command line prints them and exits with status 2.
    """


LONGEST_MESSAGE = 240


def one_line(error: BaseException | str) -> str:
    """Return the message of an error as one line, cut at a sentence if it is very long.

    PyTorch lists all its backends over a hundred lines where an operator is missing in one.
    """
    text = " ".join(str(error).split("\n\n")[0].split())
    if len(text) <= LONGEST_MESSAGE:
        return text
    sentence = text[:LONGEST_MESSAGE].rfind(". ")
    return text[:sentence] if sentence > 0 else text[:LONGEST_MESSAGE].rsplit(" ", 1)[0] + " ..."
