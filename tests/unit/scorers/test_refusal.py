"""Refusals, and answers that look like one, in each language."""

from __future__ import annotations

import pytest
from _rows import batch

from tamis.errors import UserError
from tamis.scorers.refusal import refusal

REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, I’m unable to browse the internet.",
    "As an AI language model, I do not have opinions.",
    "I cannot provide medical advice.",
    "Sorry, this cannot be done as it needs a picture.",
    "Unfortunately, I don't have access to live data.",
    "作为一个AI语言模型，我没有个人观点。",
    "很抱歉，我无法回答这个问题。",
    "作為一個人工智慧，我無法提供意見。",
    "Je suis désolé, mais je ne peux pas répondre.",
    "En tant qu'IA, je n'ai pas d'opinion.",
    "Lo siento, pero no puedo ayudarte.",
    "Como modelo de lenguaje, no tengo opiniones.",
    "Desculpe, mas não posso ajudar.",
    "Mi dispiace, ma non posso rispondere.",
    "Es tut mir leid, aber ich kann das nicht.",
    "Als KI habe ich keine Meinung.",
    "Het spijt me, maar ik kan dat niet doen.",
    "Извините, но я не могу ответить на этот вопрос.",
    "Przykro mi, ale nie mogę pomóc.",
    "Üzgünüm, ancak bu konuda yardım edemem.",
    "申し訳ありませんが、その質問にはお答えできません。",
    "죄송하지만 그 질문에는 답변할 수 없습니다.",
    "عذرًا، لا أستطيع مساعدتك في ذلك.",
    "क्षमा करें, मैं इसमें मदद नहीं कर सकता।",
    "Xin lỗi, tôi không thể giúp bạn.",
    "Maaf, saya tidak bisa membantu.",
    "ขออภัย ฉันไม่สามารถตอบได้",
]
ANSWERS = [
    "Paris is the capital of France.",
    "I'm sorry to hear that. Here are some ideas.",
    "Sorry for your loss.",
    "As an AI researcher, I study models.",
    "You cannot divide by zero.",
    "It is impossible to predict the market with certainty.",
    "Artificial intelligence is a branch of computer science.",
    "人工智能是计算机科学的一个分支。",
    "很抱歉听到这个消息。您可以试试以下方法。",
    "Je suis désolé d'apprendre cette nouvelle.",
    "Lo siento mucho por tu pérdida.",
    "Es tut mir leid für die Verspätung.",
    "Als Kind habe ich viel gelesen.",
    "すみません、駅はどこですか。",
    "죄송합니다. 바로 처리하겠습니다.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_refuses(text: str) -> None:
    assert refusal(batch([text])).values.to_pylist() == [1.0]


@pytest.mark.parametrize("text", ANSWERS)
def test_answers(text: str) -> None:
    assert refusal(batch([text])).values.to_pylist() == [0.0]


def test_only_the_opening_is_read() -> None:
    late = "x " * 200 + "As an AI language model, I refuse."
    rows = batch([late, "", " \n"])
    assert refusal(rows).values.to_pylist() == [0.0, None, None]
    assert refusal(rows).problem.to_pylist() == [None, "empty_text", "empty_text"]
    assert refusal(rows, within=1000).values.to_pylist()[0] == 1.0
    with pytest.raises(UserError, match="at least 1"):
        refusal(rows, within=0)
