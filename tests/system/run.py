"""Run one file of tests, or those of its classes that are named: run.py FILE [CLASS ...]. For meson: exit 77, with the
reason on the last line, when all of it was skipped."""
import importlib.util
import os
import sys
import unittest

path = sys.argv[1]
sys.path.insert(0, os.path.dirname(path))
spec = importlib.util.spec_from_file_location(os.path.splitext(os.path.basename(path))[0], path)
module = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = module
spec.loader.exec_module(module)

loader = unittest.defaultTestLoader
tests = loader.loadTestsFromNames(sys.argv[2:], module) if sys.argv[2:] else loader.loadTestsFromModule(module)
result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(tests)
if not result.wasSuccessful() or result.testsRun == 0 and not result.skipped:
    sys.exit(1)
if len(result.skipped) >= result.testsRun:
    print("; ".join(sorted({reason for _, reason in result.skipped})))
    sys.exit(77)
