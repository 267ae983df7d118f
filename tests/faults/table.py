"""The fault table: what was killed, when the work started again, and when every accepted job had ended."""

ROWS: list[tuple[str, int, float | None, float]] = []


def lines() -> list[str]:
    out = [f"{'fault':44} {'jobs':>5} {'again after':>12} {'all ended after':>16}"]
    for what, jobs, again, ended in ROWS:
        out.append(f"{what:44} {jobs:5d} {f'{again:.1f} s' if again is not None else '-':>12} {f'{ended:.1f} s':>16}")
    return out
