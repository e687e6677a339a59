"""How the programs of tests/programs/nasty are called."""
import os

from target import PROGRAMS

PROGRAM_ENVIRONMENT = dict(os.environ, NASTY_PLUGIN=os.path.join(PROGRAMS, "nasty_plugin.so"))


def command(scenario, *arguments):
    program = ["nasty_throw"] if scenario == "throw" else ["nasty", scenario]
    return [os.path.join(PROGRAMS, program[0]), *program[1:], *map(str, arguments)]
