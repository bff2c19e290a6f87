"""Writes down which lines and branches this process runs, in memory that it shares with the measuring run.

For processes that coverage.py cannot measure: launchers, relays and panels run from sealed memory without its modules, and a
front that is confined cannot write a file. After ``measure`` this makes no system call, and what a killed process ran is kept.

Never part of superd: ``sitecustomize.py`` puts it in front of what those processes run, for ``scripts/coverage`` alone.
"""


def measure(folder, resume):
    """Measure this process, and what it forks, from here on. ``folder`` is what ``main.py prepare`` made.

    ``resume`` is the number of the interpreter's instruction RESUME.
    """
    import mmap
    import os
    import sys

    places = {}
    try:
        with open(folder + "/index") as index:
            for row in index:
                path, start, lines = row.rstrip("\n").split("\t")
                places[path] = (int(start), int(lines))
        fd = os.open(folder + "/arcs", os.O_RDWR | os.O_CLOEXEC)
        memory = mmap.mmap(fd, 0)
        os.close(fd)
    except OSError as problem:
        os.write(2, f"superd coverage: {problem}\n".encode())
        return None

    def on_call(frame, event, argument):
        code = frame.f_code
        place = places.get(code.co_filename)
        if place is None:
            return None
        start, lines = place
        width = 2 * lines + 1
        first, instructions = -code.co_firstlineno, code.co_code
        # Not a call: a generator that goes on; the argument of its RESUME is not 0.
        last = first if frame.f_lasti < 0 or instructions[frame.f_lasti + 1] == 0 else frame.f_lineno

        def on_line(frame, event, argument):
            nonlocal last
            if event == "line":
                to = frame.f_lineno
                memory[start + (last + lines) * width + to + lines] = 1
                last = to
            elif event == "return":
                at = frame.f_lasti + 2
                if at >= len(instructions) or instructions[at] != resume:  # else it yields
                    memory[start + (last + lines) * width + first + lines] = 1
            return on_line

        return on_line

    sys.settrace(on_call)
    return on_call
