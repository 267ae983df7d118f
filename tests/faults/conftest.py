"""Prints the fault table at the end of the run."""

from tests.faults import table


def pytest_terminal_summary(terminalreporter):
    if table.ROWS:
        terminalreporter.section("faults")
        for line in table.lines():
            terminalreporter.write_line(line)
