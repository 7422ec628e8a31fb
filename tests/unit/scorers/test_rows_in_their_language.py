"""prompt_language=row: each method's own prompts in each language, what is read, what is told."""

import json

import numpy as np
import pytest
from _answering import Answering
from _spelling import Reads, gpt2, llama

from tamis.choices import choices
from tamis.judging.rubrics import rubric
from tamis.models.fake import FakeLikelihood
from tamis.notation import parse
from tamis.run.session import Run
from tamis.scorers._prompts import cut, known, translations
from tamis.scorers.expected_rating import expected_rating
from tamis.scorers.select_it import select_it
from tamis.scorers.tegit import tegit
from tamis.scorers.wavecoder import wavecoder
from tamis.testing import dataset
from tamis.types import Batch

ROWS = {
    "zh": ("请介绍一下三原色，并说明它们为什么重要。", "三原色是红色、黄色和蓝色。"),
    "fr": ("Quelles sont les trois couleurs ?", "Ce sont le rouge, le jaune et le bleu."),
    "es": ("¿Cuáles son los tres colores?", "Son el rojo, el amarillo y el azul."),
    "de": ("Welche sind die drei Farben?", "Das sind die Farben Rot, Gelb und Blau."),
    "it": ("Quali sono i tre colori?", "Sono il rosso, il giallo e il blu, come si dice."),
}
LANGUAGES = ("zh", "fr", "es", "de")
RULES = {
    "zh": "1：是，写明了\n第2条：否，缺一步\n3：是\n4：是\n5：是\n结论：否",
    "fr": "1 : oui, elle le dit\n2 : non, pas tout\n3 : oui\n4 : oui\n5 : oui\nVerdict : non",
    "es": "1: sí, lo dice\n2: no, falta algo\n3: sí\n4: sí\n5: sí\nVeredicto: no",
    "de": "1: ja, sie sagt es\n2: nein, nicht alles\n3: ja\n4: ja\n5: ja\nUrteil: nein",
}
RULE_WORDS = {
    "zh": "作为代码修复的示例",
    "fr": "exemple de réparation de code",
    "es": "ejemplo de reparación de código",
    "de": "Beispiel für Reparatur von Code",
}
TAG = '[{"tag": "art", "explanation": "%s"}]'
JUDGED = {
    # what is said in English and its value, the value in the others; by language a word of the
    # question and what is said
    "lift_rating(prompt_language=row)": (
        ("Points: 2, 10, 20, 35, 67", 67.0, 90.5),
        {
            "zh": ("请求的清晰度", "清楚。\n各项得分：14.5、20、21、35、90.5"),
            "fr": ("clarté de la demande", "Claire.\nPoints : 14,5; 20; 21; 35; 90,5"),
            "es": ("claridad de la petición", "Clara.\nPuntos: 14,5; 20; 21; 35; 90,5"),
            "de": ("Klarheit der Anfrage", "Klar.\n**Punkte: 14,5; 20; 21; 35; 90,5**"),
        },
    ),
    "open_tags(prompt_language=row)": (
        ('["colour"]', ["colour"], ["art"]),
        {
            "zh": ("标签用英文", TAG % "问三原色"),
            "fr": ("en anglais", TAG % "demande les couleurs"),
            "es": ("en inglés", TAG % "pide los colores"),
            "de": ("auf Englisch", TAG % "fragt nach Farben"),
        },
    ),
    "open_tags(prompt=bare_tags,prompt_language=row)": (
        ('["art"]', ["art"], ["red", "blue"]),
        {
            code: (word, '["red", "blue"]')
            for code, word in zip(
                LANGUAGES, ("标签用英文", "en anglais", "en inglés", "auf Englisch"), strict=True
            )
        },
    ),
    "tegit(value=reason,prompt_language=row)": (
        ("So it is.\nVerdict: valid", "valid", "ungrounded"),
        {
            "zh": ("根据下面的文档", "年份不对。\n结论：缺乏依据"),
            "fr": ("Du document ci-dessous", "L'année est autre.\nVerdict : sans_fondement"),
            "es": ("A partir del documento", "Es otro año.\nVeredicto: sin fundamento"),
            "de": ("Aus dem Dokument", "Ein anderes Jahr.\nUrteil: unbelegt."),
        },
    ),
    "tree_nodes(prompt_language=row)": (
        ("tell\n  colours\nNodes: 2", 2.0, 3.0),
        {
            "zh": ("画成一棵树", "介绍三原色\n  三个\n  重要的原因\n节点数：３"),
            "fr": ("sous la forme d'un arbre", "dire\n  couleurs\n    trois\nNœuds : 3"),
            "es": ("en forma de árbol", "decir\n  colores\n    tres\nNodos: 3"),
            "de": ("als Baum", "nennen\n  Farben\n    drei\nKnoten: 3"),
        },
    ),
    "wavecoder(task=repair,prompt_language=row)": (
        ("1: yes\n2: yes\n3: yes\n4: yes\n5: yes\nVerdict: yes", 1.0, 0.0),
        {code: (RULE_WORDS[code], RULES[code]) for code in LANGUAGES},
    ),
    "wavecoder(task=repair,value=share,prompt_language=row)": (
        ("1: yes\n2: yes\n3: yes\n4: yes\n5: yes\nVerdict: yes", 1.0, 0.8),
        {code: (RULE_WORDS[code], RULES[code]) for code in LANGUAGES},
    ),
}
RATED = {
    "complexity": ("这个任务有多难", "cette tâche", "esta tarea", "diese Aufgabe"),
    "quality": ("这个回答有多好", "cette réponse", "esta respuesta", "diese Antwort"),
    "select_it": ("一个模型将", "Un modèle va", "Un modelo va", "Ein Modell wird"),
}
ASKED = ({"zh": 1, "fr": 1, "es": 1, "de": 1, "en": 1}, 1)
"""What the log tells of a row in each language: the Italian one for want of a translation."""


def rows(*codes):
    told = [dict(zip(("instruction", "output"), ROWS[code], strict=True)) for code in codes]
    return dataset([{**row, "document": "1"} for row in told])


def batch(*codes):
    return Batch(rows(*codes).table)


def scored(run, reference, *codes):
    """Values of rows in these languages, and what the log tells of the languages."""
    name = str(parse(reference))
    column = run.score(rows(*codes), [name]).column(name)
    assert column.problem.to_pylist() == [None] * len(codes)
    told = next(one for one in run.log if one.get("score") == name)
    return column.values.to_pylist(), (told["asked_in"], told["without_translation"])


@pytest.mark.parametrize("reference", JUDGED)
def test_a_judge_is_asked_in_the_rows_language_and_heard_in_it(tmp_path, reference):
    (english, written, value), told = JUDGED[reference]

    def say(question):
        asked = question.messages[-1][1]
        return next((said for word, said in told.values() if word in asked), english)

    judge = Answering(say)
    values, log = scored(Run(store=str(tmp_path), judge=judge), reference, *ROWS)
    assert values == [value] * 4 + [written]
    assert log == ASKED
    (wave,) = judge.waves
    for code, question in zip(LANGUAGES, wave, strict=False):
        assert told[code][0] in question.messages[-1][1]
    assert ["begins]" in question.messages[-1][1] for question in wave] == [False] * 4 + [True]


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("task", ["generation", "summary", "translation", "repair"])
def test_the_rules_of_each_task_are_asked_in_the_rows_language(task, code):
    judge = Answering(lambda question: RULES[code])
    wavecoder(batch(code), judge, task=task, prompt_language="row")
    asked = judge.waves[0][0].messages[-1][1]
    rules = rubric("wavecoder").translations[code].rules
    assert all(f"{n}. {rule}" in asked for n, rule in enumerate(rules[task], 1))
    assert task not in asked


@pytest.mark.parametrize("code", LANGUAGES)
def test_reasons_of_an_invalid_task_keep_their_english_names(code):
    about = rubric("tegit")
    told = about.translations[code]
    for label, name in zip(told.labels, about.labels, strict=True):
        for said in (f"x\n{told.word}: {label}", json.dumps({"verdict": label})):
            judge = Answering(lambda question, said=said: said)
            found = tegit(batch(code), judge, value="reason", prompt_language="row")
            assert found.values.to_pylist() == [name]
    assert label in judge.waves[0][0].messages[-1][1]


@pytest.mark.parametrize("name", RATED)
def test_a_model_is_asked_in_the_rows_language(tmp_path, name):
    lm = Reads([])
    method = "select_it(" if name == "select_it" else f"expected_rating(prompt={name},"
    run = Run(store=str(tmp_path), model=lm, competence="off")
    values, log = scored(run, f"{method}prompt_language=row)", *ROWS)
    assert log == ASKED
    each = len(lm.texts()) // len(ROWS)
    asked = [lm.texts()[at] for at in range(0, each * len(ROWS), each)]
    for word, at in zip(RATED[name], range(4), strict=True):
        assert [word in text for text in asked] == [row == at for row in range(len(ROWS))]
    byhand = []
    for code, spoken in (*((code, code) for code in LANGUAGES), ("it", "en")):
        prompt, fake = "\n---\n".join(translations(name)[spoken]), FakeLikelihood()
        found = (
            select_it(batch(code), fake, prompts=prompt)
            if name == "select_it"
            else expected_rating(batch(code), fake, prompt=prompt)
        )
        byhand += found.values.to_pylist()
    np.testing.assert_allclose(values, byhand, rtol=1e-6)


@pytest.mark.parametrize("method", ["expected_rating(prompt=", "select_it(prompts="])
def test_a_prompt_file_of_ones_own_has_a_section_for_a_language(tmp_path, method):
    path = tmp_path / "mine.txt"
    path.write_text("Good? {answer} {rating}\n--- zh\n好吗？{answer} 评分：{rating}\n", "utf-8")
    lm = Reads([])
    run = Run(store=str(tmp_path / "store"), model=lm, competence="off")
    _, log = scored(run, f"{method}{path},prompt_language=row)", "zh", "fr")
    assert log == ({"zh": 1, "en": 1}, 1)
    assert lm.texts() == [f"好吗？{ROWS['zh'][1]} 评分：", f"Good? {ROWS['fr'][1]} "]


@pytest.mark.parametrize(("level", "count"), [("token", 1), ("sentence", 2)])
def test_the_token_level_reads_the_first_prompt_of_the_language_alone(level, count):
    told = "a {answer} {rating}\n---\nb {answer} {rating}"
    told += "\n--- zh\n甲 {answer}：{rating}\n---\n乙 {answer}：{rating}"
    lm = Reads([])
    select_it(batch("zh"), lm, prompts=told, level=level, prompt_language="row")
    assert [text[0] for text in lm.texts()] == ["甲", "乙"][:count]


@pytest.mark.parametrize("tokenizer", [gpt2, llama])
def test_digits_are_tokens_of_their_own_after_every_prompt(tokenizer):
    spelling = tokenizer()
    told = [prompt for name in known() for some in translations(name).values() for prompt in some]
    for end in {cut(prompt, 6).fixed[-1] for prompt in told}:
        assert len(set(choices(spelling, end, "123456")[1])) == 6
