"""Imports go one way: app → services, app → db, db → types and errors of services. The web process is light."""

import subprocess
import sys

import pytest

from tests.structure.tree import OURS, ROOT, Source, sources

FORBIDDEN = {
    "services": (
        "flask",
        "werkzeug",
        "flask_smorest",
        "marshmallow",
        "redis",
        "rq",
        "pymongo",
        "environs",
        "os.environ",
        "os.getenv",
        "app",
        "db",
    ),
    "db": ("flask", "werkzeug", "redis", "rq", "environs", "os.environ", "os.getenv", "app"),
}
# What the cellar may know of the house: values and errors, how they are hashed, and the clock.
DB_MAY_IMPORT = ("errors", "canonical", "clock", "version")
HEAVY = ("torch", "transformers", "demucs", "librosa", "numba", "onnxruntime")
WEB_HEAVY = (
    *HEAVY,
    "scipy",
    "soxr",
    "av",
)  # work with audio is the workers'; the web process counts with numpy at most


def _starts(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


@pytest.mark.parametrize("layer", sorted(FORBIDDEN))
def test_a_layer_imports_nothing_above_it(layer):
    wrong = [
        f"{source.path} imports {name}"
        for source in sources(layer)
        for name in source.imports(with_types=False)
        if any(_starts(name, prefix) for prefix in FORBIDDEN[layer])
    ]
    assert not wrong, "\n".join(wrong)


def test_no_layer_below_the_doors_reads_the_environment():
    wrong = [
        source.path for source in sources("services", "db") if "os.environ" in source.text or "getenv(" in source.text
    ]
    assert not wrong


def test_only_config_reads_settings_from_the_environment():
    """Elsewhere in app the environment is only handed on to children, never asked for a setting of ours."""
    wrong = [source.path for source in sources("app") if source.path != "app/config.py" and _asks_environment(source)]
    assert not wrong


def _asks_environment(source: Source) -> bool:
    return any(ask in source.text for ask in ("os.environ.get(", "os.getenv(", "os.environ["))


def test_db_imports_only_types_and_rules_that_carry_no_policy():
    wrong = []
    for source in sources("db"):
        for name in source.imports(with_types=False):
            parts = name.split(".")
            if (
                parts[0] == "services"
                and parts[1] not in DB_MAY_IMPORT
                and "types" not in parts
                and "contract" not in parts
            ):
                wrong.append(f"{source.path} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_services_are_independent_of_heavy_libraries_at_import():
    wrong = [
        f"{source.path} imports {name}"
        for source in sources("services/beats", "services/audio")
        for name in source.imports()
        if name.split(".")[0] in HEAVY
    ]
    assert not wrong, "\n".join(wrong)


def test_the_web_process_loads_no_models_and_no_signal_processing():
    code = f"import sys, app.api; print(sorted(m for m in {WEB_HEAVY!r} if m in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"


def test_only_queue_module_enqueues():
    wrong = [
        source.path
        for source in sources(*OURS)
        if source.path != "app/queue.py"
        and (".enqueue(" in source.text or ".enqueue_call(" in source.text or ".enqueue_many(" in source.text)
    ]
    assert not wrong
