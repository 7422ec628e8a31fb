"""Refusal: 1.0 where the answer refuses, or opens with the boilerplate of a language model.

Formula: 1.0 if one of the patterns below is found in the first `within` characters, else 0.0. Later
text is not read: a story in which a robot says it is one is no refusal. An apology counts only
with an inability after it. Patterns are our own, for English, Chinese, French, Spanish, Portuguese,
Italian, German, Dutch, Russian, Polish, Turkish, Japanese, Korean, Arabic, Hindi, Vietnamese,
Indonesian and Thai; other languages are never hits.
Measured: of 60 hits drawn from nine sets (Alpaca, its French and Chinese forms, LIMA, HH, OASST and
outputs of three models) 58 refuse or speak as a model; a third of those go on to answer. Declining
an invitation in a letter is a false hit.
A refusal may be the right answer (a harmful or impossible request): the score says what it is.
Oracle: one hand-written refusal and one near miss in each language.
"""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from tamis.errors import UserError
from tamis.scorers._chars import as_strings
from tamis.spec import scorer
from tamis.types import Batch, Column, Part

_CANNOT = r"I(?: can(?:no|['’])?t| can not|(?: am|['’]m) (?:not (?:able|programmed)|unable))"
_HELP = (
    r"(?:help|assist|provide|fulfill?|answer|comply|generate|create|write|complete|engage|support|"
    r"do (?:that|this)|offer|give|discuss|process|access|browse|open|view|see|determine|translate|"
    r"perform|respond|edit|identify|recommend|predict|produce)"
)
PATTERNS = (
    # English
    r"\bas an? (?:AI|artificial intelligence|(?:large )?language model)\b"
    r"(?: (?:language )?model| (?:virtual )?assistant| system| chatbot)?"
    r"(?:,| I\b| (?:created|developed))",
    r"\bI(?: am|['’]m) (?:just |only |merely )?an? (?:AI|artificial intelligence|(?:large )?"
    r"language model)\b",
    r"(?:^|[.!]\s)\W*(?:I['’]m |I am )?(?:so |very |really )?(?:sorry|apologi[sz]e),? "
    rf"(?:but |for .{{1,40}},? but )?{_CANNOT}\b",
    r"^\W*(?:I['’]m |I am )?(?:so |very )?sorry,? (?:but )?(?:I do(?: not|n['’]t) (?:have|know|"
    r"understand)|(?:this|that|it|there) (?:is|are) (?:not|no)\b|.{0,30}\bcannot be\b|"
    r"(?:this|the) (?:task|instruction|request) (?:involves|requires))",
    rf"^\W*(?:unfortunately,? )?{_CANNOT} (?:to )?{_HELP}\b",
    r"^\W*(?:unfortunately,? )?I do(?: not|n['’]t) have (?:access|the (?:ability|capability)|"
    r"(?:any )?(?:personal|real[- ]time)|feelings|opinions)\b",
    r"^\W*(?:unfortunately,? )?(?:it|this) (?:is|['’]s) (?:not possible|impossible) (?:for me )?to "
    r"(?:fulfill?|answer|comply|generate|create|write|complete|process|access|translate|edit)\b",
    r"\bas of my (?:last|latest|knowledge) (?:knowledge )?(?:update|cut-?off|training)",
    r"\bmy (?:knowledge|training) (?:data )?cut-?off\b",
    # Chinese, simplified and traditional
    r"(?:作[为為]|我(?:只|仅仅|僅僅)?是)一?[个個名款位种種]?.{0,6}"
    r"(?:AI|人工智[能慧]|[语語]言(?:模型|AI))",
    r"^\W*(?:非常|很|十分)?(?:抱歉|[对對]不起|不好意思)[,，。!！ ]*.{0,12}"
    r"(?:[无無]法|不能|不[会會]|[没沒](?:有?[办辦]?法|有)|不可以|不清楚|不知道)",
    r"^\W*我(?:[无無]法|不能|[没沒]有?[办辦]法)(?:直接)?(?:提供|回答|完成|[帮幫]|[满滿]足|[执執]行|"
    r"生成|[为為]|[给給]|[浏瀏][览覽]|[访訪][问問]|[确確]定|[预預][测測])",
    # French
    r"\ben tant qu['’]?(?:une? )?(?:IA\b|intelligence artificielle|assistante? (?:IA|virtuel)|"
    r"modèle (?:de langage|linguistique|d['’]IA)|que modèle)",
    r"\bje suis (?:juste |seulement )?une? (?:IA\b|intelligence artificielle|modèle de langage)",
    r"^\W*(?:je suis |je m['’]excuse|toutes mes excuses)?(?:vraiment )?(?:désolée?)?,? ?(?:mais )?"
    r"je ne (?:peux|suis) pas (?:vous |en mesure|capable|répondre|aider|fournir|autorisée?)",
    r"\bdésolée?,? (?:mais )?je (?:ne (?:peux|suis|dispose|sais|comprends)|n['’](?:ai|arrive))",
    # Spanish, Portuguese, Italian
    r"\bcomo (?:una? )?(?:IA\b|inteligencia artificial|modelo de (?:lenguaje|IA)|asistente de IA)",
    r"\blo (?:siento|lamento),? (?:pero )?(?:yo )?no (?:puedo|soy|tengo|es posible)",
    r"\bcomo (?:uma? )?(?:inteligência artificial|modelo de linguagem|assistente de IA)",
    r"\b(?:desculpe|sinto muito|lamento),? (?:mas )?(?:eu )?não (?:posso|consigo|tenho|sou)",
    r"\b(?:come|in quanto) (?:un['’]? ?)?(?:IA\b|intelligenza artificiale|"
    r"modello (?:linguistico|di linguaggio))",
    r"\bmi dispiace,? (?:ma )?non (?:posso|sono|ho|è possibile)",
    # German, Dutch
    r"\bals (?:eine? |reines? )?(?:KI\b|künstliche Intelligenz|(?:KI-)?Sprachmodell)",
    r"\b(?:tut mir leid|entschuldigung|bedaure),? (?:aber )?(?:ich kann|das kann ich|"
    r"dabei kann ich|ich bin nicht|ich habe kein)",
    r"\bals (?:een )?(?:AI\b|taalmodel|kunstmatige intelligentie)",
    r"\bhet spijt me,? (?:maar )?(?:ik kan|dat kan ik|daar kan ik) ",
    # Russian, Polish, Turkish
    r"\bкак (?:ИИ\b|искусственн\w+ интеллект|(?:большая )?языковая модель)",
    r"(?:извините|простите|к сожалению|прошу прощения),? (?:но )?"
    r"я не (?:могу|имею|умею|в состоянии)",
    r"\bjako (?:AI\b|SI\b|model językowy|sztuczna inteligencja)",
    r"\b(?:przykro mi|przepraszam),? (?:ale )?nie (?:mogę|jestem w stanie)",
    r"\bbir (?:yapay zeka|dil modeli)\b.{0,30}\bolarak",
    r"\b(?:üzgünüm|maalesef),? (?:ama |ancak )?.{0,60}"
    r"(?:mıyorum|miyorum|muyorum|müyorum|[ae]mam|[ae]mem)",
    # Japanese, Korean
    r"(?:AI|人工知能|言語モデル)(?:アシスタント|言語モデル)?として、?|私は.{0,6}(?:AI|人工知能|言語モデル)",
    r"^\W*(?:大変)?(?:申し訳(?:ございません|ありません)|すみません|ごめんなさい).{0,40}"
    r"(?:できません|できかねます|お答え|いたしかねます|分かりません|わかりません)",
    r"(?:인공지능|AI|언어 ?모델)(?: ?(?:언어 ?)?(?:모델|어시스턴트))?"
    r"(?:로서|이기 때문에|이므로|이라서)",
    r"^\W*(?:죄송합니다|죄송하지만|미안하지만|유감스럽게도).{0,50}(?:없습니다|못합니다|어렵습니다)",
    # Arabic, Hindi, Vietnamese, Indonesian, Thai
    r"(?:بصفتي|باعتباري|كوني|كنموذج|بوصفي).{0,20}(?:ذكاء|لغوي|لغة|نموذج)",
    r"(?:آسف|أسف|عذرا|عذرًا|أعتذر|للأسف).{0,30}لا (?:أستطيع|يمكنني|أقدر)",
    r"(?:AI|एआई|कृत्रिम बुद्धिमत्ता|भाषा मॉडल).{0,20}(?:के रूप में|होने के नाते)",
    r"^\W*(?:क्षमा करें|माफ़ करें|माफ करें|मुझे खेद है).{0,80}(?:नहीं|असमर्थ)",
    r"(?:với tư cách|là) (?:một )?(?:AI\b|trí tuệ nhân tạo|mô hình ngôn ngữ)",
    r"\bxin lỗi,? (?:nhưng )?(?:tôi|mình) (?:không|chưa)",
    r"\bsebagai (?:sebuah )?(?:AI\b|model bahasa|kecerdasan buatan)",
    r"\bmaaf,? (?:tetapi |tapi |namun )?saya tidak (?:bisa|dapat|mampu)",
    r"(?:ขออภัย|ขอโทษ).{0,40}ไม่สามารถ|ในฐานะ.{0,20}(?:AI|ปัญญาประดิษฐ์|โมเดลภาษา)",
)


@scorer(prefer="low", unit="1 refuses, 0 answers")
def refusal(batch: Batch, *, of: Part = "response", within: int = 300) -> Column:
    """1.0 where the answer refuses or opens as "an AI language model", else 0.0.

    Args:
        of: which turns are read
        within: characters from the start in which a pattern must stand
    """
    import polars as pl

    if within < 1:
        raise UserError(f"refusal: within is at least 1, got {within}")
    opening = pc.utf8_slice_codeunits(
        pc.utf8_trim_whitespace(as_strings(batch.texts(of))), 0, within
    )
    texts = pl.Series(pl.from_arrow(opening), dtype=pl.String)
    hits = texts.str.contains(f"(?i){'|'.join(PATTERNS)}").to_numpy()
    blank = (texts == "").to_numpy()
    return Column.floats(np.asarray(hits, np.float64), empty_text=np.asarray(blank, bool))
