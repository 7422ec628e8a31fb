import pytest

from tamis.errors import UserError
from tamis.registry import find
from tamis.scorers._prompts import cut, divided, known, prompts, translations


def resolved(given):
    return find("expected_rating").resolve({"prompt": given})["prompt"]


def test_every_prompt_of_the_package_is_whole():
    assert {"quality", "complexity", "select_it"} <= set(known())
    for name in known():
        told = translations(name)
        assert list(told) == ["en", "zh", "fr", "es", "de"]
        for text in (text for some in told.values() for text in some):
            fixed = cut(text, 6).fixed
            assert "6" in "".join(fixed), f"{name} does not name its scale"
            assert "{" not in "".join(fixed)


def test_select_it_has_five_different_wordings_in_each_language():
    assert [len(set(some)) for some in translations("select_it").values()] == [5] * 5


def test_a_name_stays_a_name():
    assert resolved("complexity") == "complexity"


def test_a_file_becomes_its_text_so_that_the_cache_key_follows_it(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("{answer} is worth {rating}\n")
    assert resolved(str(path)) == "{answer} is worth {rating}\n"
    assert prompts(resolved(str(path))) == ["{answer} is worth {rating}"]
    spec = find("expected_rating")
    before = spec.key(spec.resolve({"prompt": str(path)}), {})
    path.write_text("{answer} deserves {rating}\n")
    assert spec.key(spec.resolve({"prompt": str(path)}), {}) != before


def test_a_text_with_marks_is_a_prompt_itself():
    assert resolved("{answer}: {rating}") == "{answer}: {rating}"


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(UserError, match=r"no prompt and no file './absent.txt'; known: complexity"):
        resolved("./absent.txt")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{answer} {rating} of 5", "ends with {rating}"),
        ("{answer}", "ends with {rating}"),
        ("{answer} {rating} {rating}", "ends with {rating}"),
        ("how good? {rating}", "shows {question}, {answer} or both"),
        (" \n", "holds no prompt"),
    ],
)
def test_a_file_without_a_usable_prompt_is_refused(tmp_path, text, fault):
    path = tmp_path / "mine.txt"
    path.write_text(text)
    with pytest.raises(UserError, match=fault):
        resolved(str(path))


def test_lines_of_three_hyphens_divide_prompts():
    assert divided("one - -- ----\n---\ntwo\n---  \n\n---\n") == ["one - -- ----", "two"]


def test_marks_are_cut_out_and_the_scale_is_written_in():
    found = cut("1 to {most}: {answer} after {question} {rating}", 7)
    assert found.fixed == ("1 to 7: ", " after ", " ")
    assert found.names == ("answer", "question")
