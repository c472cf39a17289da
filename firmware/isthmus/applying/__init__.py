"""A change on trial: applied, and undone by itself unless somebody confirms it in time.

    record.py     what has to be known to undo it, as one file
    files.py      the files of a change: put in place, and put back
    steps.py      the procedure, as a table of steps, with its clock
    words.py      what a change means, for people

Pure, like config/: system calls, the clock and the running site come in.
"""
