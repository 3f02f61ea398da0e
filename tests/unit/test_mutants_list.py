"""The list of changes that no test can notice is of the code as it is; `make test-mutants` says whether it is right."""

import mutants
import yaml


def test_listed_changes_are_of_lines_that_are_there():
    listed = yaml.safe_load(mutants.LISTED.read_text())
    assert listed.keys() <= mutants.MODULES.keys()
    for module, reasons in listed.items():
        lines = [line.strip() for line in (mutants.LIBRARY / f"{module}.py").read_text().splitlines()]
        changed = [change.split(": - ", 1)[1] for changes in reasons.values() for change in changes]
        assert changed and all(reasons)
        gone = [change for change in changed if not any(change.startswith(f"{line} + ") for line in lines if line)]
        assert gone == [], module


def test_modules_that_are_changed_and_their_functions_and_tests_exist():
    for module, changed in mutants.MODULES.items():
        text = (mutants.LIBRARY / f"{module}.py").read_text()
        assert all(mutants.path_of(name).is_file() for name in changed.tests)
        for function in changed.functions:
            *classes, name = function.split(".")
            assert all(f"class {of}" in text for of in classes) and f"def {name}(" in text, function
