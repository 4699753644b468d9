"""Examples at the end of each `--help`."""

WIDTH = 77  # of a terminal with 80 columns, without the margins of the help


def examples(*lines: str) -> str:
    """Returns an epilog with these command lines, each on a line of its own.

    :raises ValueError: a line would be wrapped on a terminal with 80 columns
    """
    indented = [f"  {line}" for line in lines]
    if too_long := [line for line in indented if len(line) > WIDTH]:
        raise ValueError(f"an example is too long: {too_long}")
    # The empty line keeps the indentation, which is reckoned from the second line on.
    return "\n".join(("", "Examples:", *indented)).replace("[", r"\[")
