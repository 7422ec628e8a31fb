"""How refusals and a model's talk of itself begin, in eighteen languages: patterns of polars.

Each is searched in the opening of an answer; `^` is its start.
"""

from __future__ import annotations

_CANNOT = r"I(?: can(?:no|['’])?t| can not|(?: am|['’]m) (?:not (?:able|programmed)|unable))"
_HELP = (
    r"(?:help|assist|provide|fulfill?|answer|comply|generate|create|write|complete|engage|support|"
    r"do (?:that|this)|offer|give|discuss|process|access|browse|open|view|see|determine|translate|"
    r"perform|respond|edit|identify|recommend|predict|produce)"
)
_FIRST = (
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

_SORRY = (  # an opening that regrets, before an inability in the first person
    # French, Spanish, Portuguese, Italian
    r"^\W*(?:malheureusement|je regrette|pardon|navrée?|je crains que),? (?:mais )?je ne "
    r"(?:peux|suis|dispose)",
    r"^\W*(?:lamentablemente|desafortunadamente|por desgracia|perdón|disculpa|lo lamento),? "
    r"(?:pero )?(?:yo )?no (?:puedo|estoy en condiciones|me es posible|tengo acceso)",
    r"^\W*(?:infelizmente|peço desculpas?|lamento|perdão),? (?:mas )?(?:eu )?não "
    r"(?:posso|consigo|sou capaz|tenho acesso|me é possível)",
    r"^\W*(?:purtroppo|spiacente|sono spiacente|mi scuso),? (?:ma )?(?:io )?non "
    r"(?:posso|sono (?:in grado|autorizzat)|ho accesso|mi è possibile)",
    # German, Russian, Turkish
    r"^\W*(?:leider|bedauerlicherweise) (?:kann|darf) ich\b.{0,80}\b(?:nicht|kein)",
    r"^\W*leider bin ich nicht (?:in der Lage|berechtigt)",
    r"\btut mir leid,? (?:aber )?ich (?:darf|habe keinen|bin nicht)",
    r"^\W*(?:извините|простите|к сожалению|прошу прощения),? (?:но )?(?:я )?не "
    r"(?:могу|имею возможности|умею|в состоянии)",
    r"^\W*(?:özür dilerim|ne yazık ki|kusura bakmayın),? (?:ama |ancak |fakat )?.{0,60}"
    r"(?:mıyorum|miyorum|muyorum|müyorum|[ae]mam|[ae]mem)\b",
    # Arabic, Hindi
    r"^\W*(?:آسف|أسف|عذرا|عذرًا|أعتذر|للأسف|المعذرة).{0,30}(?:غير قادر|لست قادر|لا أقدر|لن أتمكن)",
    r"^\W*(?:माफ़ करें|माफ करें|माफ़ कीजिए|माफ कीजिए|क्षमा कीजिए|दुर्भाग्य से|खेद है).{0,80}"
    r"(?:(?:सकता|सकती|पाऊंगा|पाऊँगा|पाऊंगी)|नहीं (?:सकता|सकती)|असमर्थ)",
    # Japanese, Korean
    r"^\W*(?:恐れ入りますが|残念ながら|残念ですが|あいにく).{0,40}"
    r"(?:お応え|お答え|お手伝い|提供|対応|回答).{0,12}(?:できません|できかねます|いたしかねます)",
    r"^\W*(?:안타깝지만|안타깝게도|아쉽지만).{0,40}"
    r"(?:드릴|도와|답변|제공|도움).{0,12}(?:없습니다|못합니다|어렵습니다)",
    # Vietnamese, Indonesian, Thai
    r"^\W*(?:rất tiếc|thật tiếc|đáng tiếc),? (?:nhưng )?(?:là )?(?:tôi|mình) (?:không|chưa)",
    r"^\W*(?:sayangnya|mohon maaf|maafkan saya),? (?:tetapi |tapi |namun )?saya "
    r"(?:tidak|belum) (?:bisa|dapat|mampu)",
    r"^\W*(?:เสียใจ|น่าเสียดาย).{0,20}(?:ฉัน|ผม|ดิฉัน|เรา).{0,6}ไม่สามารถ",
)
_UNABLE = (  # an inability in the first person, of what a model is asked for, at the very start
    r"^\W*(?:je ne (?:peux|suis) pas (?:vous |en mesure|capable|autorisée?|aider|fournir|"
    r"répondre|donner)|il m['’]est impossible de (?:répondre|fournir|vous|satisfaire))",
    r"^\W*(?:no puedo|no me es posible|no estoy en condiciones de) (?:proporcionar|ayudar|"
    r"responder|ofrecer|cumplir|generar|dar(?:te|le)?\b|brindar|contestar|realizar|acceder)",
    r"^\W*não (?:posso|consigo) (?:fornecer|ajudar|responder|oferecer|atender|gerar|cumprir|"
    r"realizar|acessar)",
    r"^\W*non (?:posso|sono in grado di) (?:fornir|aiutar|risponder|offrir|soddisfar|generar|"
    r"esaudir|acceder)",
    r"^\W*ich (?:kann|darf) (?:ihnen |dir |euch )?(?:dies|das|dabei|diese|dieser|darauf|keine|"
    r"leider|damit|nicht).{0,40}(?:nicht|keine).{0,20}\b(?:beantworten|helfen|antworten|"
    r"bereitstellen|geben|erfüllen|bearbeiten|erstellen)",
    r"^\W*ich bin (?:leider )?nicht (?:in der Lage|berechtigt|befugt)",
    r"^\W*я не (?:могу|имею возможности|в состоянии) (?:вам )?(?:помочь|ответить|предоставить|"
    r"выполнить|дать|обсуждать|создать)",
    r"^\W*(?:لا (?:يمكنني|أستطيع)|لست قادرًا على|أنا غير قادر على) ?(?:ال)?(?:إجابة|مساعدة|تقديم|"
    r"تنفيذ|مساعدتك|الإجابة|المساعدة|أن أساعد|أن أقدم)",
    r"^\W*मैं.{0,40}(?:उत्तर|जवाब|मदद|जानकारी|अनुरोध).{0,30}(?:नहीं.{0,12}(?:सकता|सकती)|असमर्थ)",
    r"^\W*(?:その|この|ご|お)?.{0,20}(?:お答え|お応え|お手伝い|ご対応|ご提供)"
    r"(?:することは|は)?(?:できません|できかねます|いたしかねます)",
    r"^\W*저는.{0,40}(?:답변|도와|제공|도움).{0,12}(?:없습니다|못합니다|어렵습니다)",
    r"^\W*(?:tôi|mình) không thể (?:cung cấp|giúp|hỗ trợ|trả lời|thực hiện|đáp ứng|tạo)",
    r"^\W*saya tidak (?:bisa|dapat|mampu) (?:memberi|membantu|menjawab|memenuhi|menyediakan|"
    r"membuat|mengakses)",
    r"^\W*(?:ฉัน|ผม|ดิฉัน)ไม่สามารถ(?:ให้|ช่วย|ตอบ|ทำตาม|เข้าถึง|สร้าง)",
    r"^\W*(?:bu|böyle bir|size|sana).{0,40}(?:yanıt ver|cevap ver|cevaplay|yanıtlay|yardımcı ol|"
    r"yardım ed|sağlay|yerine getir|yap)[ae]m[ae][mz]?\b",
)
_MODEL = (  # "I am a language model", and "as a language model" in further words
    r"\ben tant que (?:grand )?modèle",
    r"^\W*soy (?:solo |sólo )?una? (?:IA\b|inteligencia artificial|modelo de lenguaje)",
    r"^\W*ich bin (?:nur |lediglich )?(?:eine? )?(?:KI\b|künstliche Intelligenz|(?:KI-)?"
    r"Sprachmodell)",
    r"^\W*(?:eu )?sou (?:apenas |só )?uma? (?:IA\b|inteligência artificial|modelo de linguagem)",
    r"^\W*(?:io )?sono (?:solo |soltanto )?(?:un['’]? ?)?(?:IA\b|intelligenza artificiale|"
    r"modello (?:linguistico|di linguaggio))",
    r"^\W*я\s?(?:[-—–]|всего лишь|просто)?\s?(?:большая )?(?:ИИ\b|искусственный интеллект|"
    r"языковая модель)",
    r"^\W*أنا (?:مجرد )?(?:نموذج لغ|نموذج ذكاء|ذكاء اصطناعي|برنامج ذكاء)",
    r"^\W*मैं (?:केवल |सिर्फ़ |सिर्फ )?(?:एक )?(?:AI|एआई|कृत्रिम बुद्धिमत्ता|भाषा मॉडल)",
    r"^\W*(?:저는|나는) ?(?:그저 |단지 )?(?:인공지능|AI|언어 ?모델)",
    r"^\W*tôi (?:chỉ )?là (?:một )?(?:AI\b|trí tuệ nhân tạo|mô hình ngôn ngữ)",
    r"^\W*saya (?:hanya(?:lah)? |adalah )(?:sebuah )?(?:AI\b|model bahasa|kecerdasan buatan)",
    r"^\W*(?:ฉัน|ผม|ดิฉัน)เป็น(?:เพียง)?(?:AI|ปัญญาประดิษฐ์|โมเดลภาษา)",
    r"^\W*ben (?:sadece |yalnızca )?bir (?:yapay zek[aâ]|dil modeli)",
)
PATTERNS = (*_FIRST, *_SORRY, *_UNABLE, *_MODEL)
