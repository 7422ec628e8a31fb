"""Importing tamis and asking for help cost nothing: laziness that no test guards does not last."""

import subprocess
import sys

import pytest

HEAVY = (
    "torch transformers vllm ray openai matplotlib datasets sentence_transformers trl peft".split()
)
DATA = "numpy pyarrow polars pydantic tokenizers rich".split()


def loaded(code):
    """Which of the modules are in memory after the code ran in a fresh process."""
    probe = f"import sys\n{code}\nprint(' '.join(m for m in {HEAVY + DATA} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return done.stdout.split("\n")[-2].split()


def help_of(*args):
    return (
        f"sys.argv = ['tamis', *{list(args)}, '--help']\n"
        "from tamis.cli.main import app\n"
        "try: app()\n"
        "except SystemExit: pass"
    )


def test_import_tamis_loads_nothing():
    assert loaded("import tamis") == []


@pytest.mark.parametrize("verb", [(), ("select",), ("score",), ("methods",), ("export",)])
def test_help_loads_no_data_library(verb):
    assert set(loaded(help_of(*verb))) <= {"pydantic", "rich"}  # typer's own


def test_no_method_loads_a_heavy_library():
    assert not set(loaded("from tamis import registry\nlist(registry.specs())")) & set(HEAVY)


def test_every_public_name_resolves():
    import tamis

    for name in tamis.__all__:
        assert getattr(tamis, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = tamis.nonsense


def test_the_verbs_stay_functions_after_their_modules_are_loaded():
    code = "import tamis, tamis.api; from tamis import registry; list(registry.specs());"
    check = "assert callable(tamis.score) and callable(tamis.select) and callable(tamis.methods)"
    subprocess.run([sys.executable, "-c", code + check], check=True)
