"""Refusals and near misses in the languages beside English and Chinese that are spoken most."""

from __future__ import annotations

import pytest
from _rows import batch

from tamis.scorers.refusal import refusal

REFUSALS = {
    "fr": [
        "Désolé, je ne peux pas vous aider avec cette demande.",
        "Je ne peux pas fournir d'aide pour cela.",
        "Malheureusement, je ne suis pas en mesure de répondre à cette question.",
        "Je regrette, mais je ne suis pas autorisé à donner de conseils médicaux.",
        "En tant que modèle de langage, je n'ai pas accès à Internet.",
        "Il m'est impossible de répondre à cette question.",
    ],
    "es": [
        "Lo siento, no puedo ayudar con eso.",
        "No puedo proporcionar esa información.",
        "Como inteligencia artificial, no tengo emociones.",
        "Lamentablemente, no me es posible responder a esa pregunta.",
        "Perdón, pero no puedo cumplir con esta solicitud.",
        "Soy un modelo de lenguaje y no tengo opiniones.",
    ],
    "de": [
        "Leider kann ich Ihnen dabei nicht helfen.",
        "Ich kann diese Frage nicht beantworten.",
        "Es tut mir leid, aber ich darf keine medizinischen Ratschläge geben.",
        "Als KI-Sprachmodell habe ich keine Gefühle.",
        "Ich bin nicht in der Lage, diese Anfrage zu bearbeiten.",
        "Ich bin nur ein Sprachmodell.",
    ],
    "pt": [
        "Desculpe, não posso ajudar com isso.",
        "Não posso fornecer essa informação.",
        "Infelizmente, não consigo responder a essa pergunta.",
        "Como uma inteligência artificial, não tenho sentimentos.",
        "Sou um modelo de linguagem e não tenho opiniões.",
        "Peço desculpas, mas não posso atender a esse pedido.",
    ],
    "it": [
        "Mi dispiace, ma non posso aiutarti.",
        "Non posso fornire queste informazioni.",
        "Purtroppo non sono in grado di rispondere a questa domanda.",
        "Come modello linguistico, non ho opinioni personali.",
        "Sono un'intelligenza artificiale e non ho emozioni.",
        "Spiacente, non posso soddisfare questa richiesta.",
    ],
    "ru": [
        "К сожалению, я не могу помочь с этим.",
        "Я не могу ответить на этот вопрос.",
        "Как языковая модель, я не имею собственного мнения.",
        "Я — языковая модель и не испытываю эмоций.",
        "Извините, но я не в состоянии выполнить этот запрос.",
        "Простите, не могу предоставить такую информацию.",
    ],
    "ar": [
        "آسف، لكنني لا أستطيع المساعدة في هذا الطلب.",
        "لا يمكنني الإجابة على هذا السؤال.",
        "بصفتي نموذجًا لغويًا، ليس لدي آراء شخصية.",
        "أنا نموذج لغوي ولا أملك مشاعر.",
        "للأسف، لا يمكنني تقديم هذه المعلومات.",
        "أعتذر، ولكنني غير قادر على تنفيذ هذا الطلب.",
    ],
    "hi": [
        "माफ़ कीजिए, मैं इसमें आपकी मदद नहीं कर सकता।",
        "मैं इस प्रश्न का उत्तर नहीं दे सकता।",
        "एक एआई भाषा मॉडल के रूप में, मेरी कोई राय नहीं है।",
        "मैं एक भाषा मॉडल हूँ और मेरी भावनाएँ नहीं हैं।",
        "क्षमा कीजिए, मैं यह जानकारी देने में असमर्थ हूँ।",
        "दुर्भाग्य से, मैं यह अनुरोध पूरा नहीं कर सकती।",
    ],
    "ja": [
        "申し訳ございませんが、お手伝いできません。",
        "そのご質問にはお答えできません。",
        "AI言語モデルとして、私には個人的な意見がありません。",
        "私はAIなので、感情を持っていません。",
        "恐れ入りますが、その情報を提供することはできません。",
        "残念ながら、その依頼にはお応えできません。",
    ],
    "ko": [
        "죄송하지만 도와드릴 수 없습니다.",
        "저는 그 질문에 답변할 수 없습니다.",
        "AI 언어 모델로서 저는 개인적인 의견이 없습니다.",
        "저는 인공지능이기 때문에 감정이 없습니다.",
        "안타깝지만 그 요청은 들어드릴 수 없습니다.",
        "저는 AI 모델이라 감정을 느끼지 못합니다.",
    ],
    "vi": [
        "Xin lỗi, nhưng tôi không thể hỗ trợ yêu cầu này.",
        "Tôi không thể cung cấp thông tin đó.",
        "Là một mô hình ngôn ngữ, tôi không có ý kiến cá nhân.",
        "Rất tiếc, tôi không thể trả lời câu hỏi này.",
        "Tôi là một trí tuệ nhân tạo nên không có cảm xúc.",
        "Rất xin lỗi, mình không thể giúp việc này.",
    ],
    "th": [
        "ขออภัย ฉันไม่สามารถช่วยเรื่องนี้ได้",
        "ฉันไม่สามารถให้ข้อมูลนั้นได้",
        "ในฐานะโมเดลภาษา ฉันไม่มีความคิดเห็นส่วนตัว",
        "ขอโทษด้วย ผมไม่สามารถตอบคำถามนี้ได้",
        "ฉันเป็นปัญญาประดิษฐ์ จึงไม่มีความรู้สึก",
        "เสียใจด้วย ดิฉันไม่สามารถทำตามคำขอนี้ได้",
    ],
    "id": [
        "Maaf, saya tidak dapat membantu permintaan ini.",
        "Saya tidak bisa memberikan informasi tersebut.",
        "Sebagai model bahasa, saya tidak memiliki pendapat pribadi.",
        "Mohon maaf, saya tidak mampu menjawab pertanyaan itu.",
        "Saya adalah kecerdasan buatan dan tidak punya perasaan.",
        "Sayangnya, saya tidak dapat memenuhi permintaan Anda.",
    ],
    "tr": [
        "Üzgünüm, bu konuda yardımcı olamam.",
        "Bu soruya yanıt veremem.",
        "Bir yapay zeka dil modeli olarak kişisel görüşüm yok.",
        "Maalesef bu isteği yerine getiremiyorum.",
        "Ben bir dil modeliyim ve duygularım yok.",
        "Özür dilerim, ancak bu bilgiyi sağlayamam.",
    ],
}
ANSWERS = {
    "fr": [
        "Je suis désolé pour votre perte, voici quelques conseils.",
        "Les modèles de langage sont entraînés sur de grands textes.",
        "On ne peut pas diviser par zéro.",
        "Le chat ne peut pas sortir quand il pleut.",
    ],
    "es": [
        "Siento mucho lo ocurrido. Aquí tienes algunas ideas.",
        "Un modelo de lenguaje predice la palabra siguiente.",
        "No puedes dividir entre cero.",
        "El perro no puede entrar en el restaurante.",
    ],
    "de": [
        "Entschuldigung, wo ist der Bahnhof?",
        "Ein Sprachmodell sagt das nächste Wort vorher.",
        "Man kann nicht durch null teilen.",
        "Leider regnet es heute in Berlin.",
        "Als Kinder spielten wir oft im Garten.",
    ],
    "pt": [
        "Sinto muito pela sua perda. Aqui estão algumas ideias.",
        "Um modelo de linguagem prevê a próxima palavra.",
        "Não se pode dividir por zero.",
        "Infelizmente, a loja fecha às seis.",
    ],
    "it": [
        "Mi dispiace per la tua perdita. Ecco alcune idee.",
        "Un modello linguistico prevede la parola successiva.",
        "Non si può dividere per zero.",
        "Purtroppo oggi piove a Roma.",
    ],
    "ru": [
        "Извините за опоздание, автобус задержался.",
        "Языковая модель предсказывает следующее слово.",
        "На ноль делить нельзя.",
        "К сожалению, магазин закрыт по воскресеньям.",
    ],
    "ar": [
        "آسف على التأخير، كان الطريق مزدحمًا.",
        "النموذج اللغوي يتنبأ بالكلمة التالية.",
        "لا يمكن القسمة على صفر.",
        "للأسف، المتجر مغلق يوم الجمعة.",
    ],
    "hi": [
        "देर से आने के लिए क्षमा करें।",
        "भाषा मॉडल अगला शब्द बताता है।",
        "शून्य से भाग देना संभव नहीं है।",
        "दुकान रविवार को नहीं खुलती।",
    ],
    "ja": [
        "遅れて申し訳ありません。電車が止まっていました。",
        "言語モデルは次の単語を予測します。",
        "ゼロで割ることはできません。",
        "残念ながら、今日は雨です。",
    ],
    "ko": [
        "늦어서 죄송합니다. 버스가 늦게 왔습니다.",
        "언어 모델은 다음 단어를 예측합니다.",
        "0으로 나눌 수 없습니다.",
        "안타깝게도 오늘은 비가 옵니다.",
    ],
    "vi": [
        "Xin lỗi vì đã đến muộn.",
        "Mô hình ngôn ngữ dự đoán từ tiếp theo.",
        "Không thể chia cho số không.",
        "Rất tiếc, cửa hàng đóng cửa vào chủ nhật.",
    ],
    "th": [
        "ขอโทษที่มาสาย รถติดมาก",
        "โมเดลภาษาทำนายคำถัดไป",
        "เราหารด้วยศูนย์ไม่ได้",
        "น่าเสียดายที่วันนี้ฝนตก",
    ],
    "id": [
        "Maaf atas keterlambatannya, bus terlambat.",
        "Model bahasa memprediksi kata berikutnya.",
        "Bilangan tidak bisa dibagi nol.",
        "Sayangnya, toko tutup pada hari Minggu.",
    ],
    "tr": [
        "Geciktiğim için özür dilerim, otobüs geç geldi.",
        "Dil modeli bir sonraki kelimeyi tahmin eder.",
        "Sayılar sıfıra bölünemez.",
        "Maalesef bugün hava yağmurlu.",
    ],
}


@pytest.mark.parametrize("code", REFUSALS)
def test_each_refusal_is_found(code: str) -> None:
    found = refusal(batch(REFUSALS[code])).values.to_pylist()
    missed = [text for text, value in zip(REFUSALS[code], found, strict=True) if not value]
    assert not missed and len(found) == 6


@pytest.mark.parametrize("code", ANSWERS)
def test_a_near_miss_is_none(code: str) -> None:
    found = refusal(batch(ANSWERS[code])).values.to_pylist()
    hit = [text for text, value in zip(ANSWERS[code], found, strict=True) if value]
    assert not hit and len(found) >= 4


def test_an_inability_counts_at_the_start_alone() -> None:
    late = "He wrote to his bank. " * 2 + "Je ne peux pas vous aider, said the clerk."
    assert refusal(batch([late])).values.to_pylist() == [0.0]
