"""A profile as plain Python, read by tests/tools/check-profile's own decoder: exact figures, where Go's tools round."""
import importlib.machinery
import importlib.util

from target import CHECK_PROFILE

_loader = importlib.machinery.SourceFileLoader("check_profile", CHECK_PROFILE)
_spec = importlib.util.spec_from_loader("check_profile", _loader)
check_profile = importlib.util.module_from_spec(_spec)
_loader.exec_module(check_profile)


class Sample:
    def __init__(self, values, labels, stack):
        self.values, self.labels, self.stack = values, labels, stack  # functions, leaf first, inlined ones too


class Profile:
    def __init__(self, body):
        plain = check_profile.Message(check_profile.unzip(body), "profile")
        strings = [blob.decode() for blob in plain.blobs(6)]
        self.types = [strings[part.one(1)] for part in plain.parts(1, "sample_type")]
        self.time_ns, self.duration_ns, self.period = plain.one(9), plain.one(10), plain.one(12)
        self.comments = [strings[i] for i in plain.many(13)]
        functions = {part.one(1): strings[part.one(2)] for part in plain.parts(5, "function")}
        locations = {part.one(1): [functions[line.one(1)] for line in part.parts(4, "line")]
                     for part in plain.parts(4, "location")}
        self.samples = []
        for part in plain.parts(2, "sample"):
            labels = {strings[label.one(1)]: strings[label.one(2)] for label in part.parts(3, "label")}
            stack = [name for location in part.many(1) for name in locations[location]]
            self.samples.append(Sample([check_profile.signed(value) for value in part.many(2)], labels, stack))

    def total(self, value_type, where=lambda sample: True):
        """Sum of one type's values, over the samples that `where` picks."""
        index = self.types.index(value_type)
        return sum(sample.values[index] for sample in self.samples if where(sample))

    def cum(self, value_type, function):
        return self.total(value_type, lambda sample: function in sample.stack)
