"""Small words, task words and spellings by which languages of one script are told apart.

Keys are ISO 639-1 codes. Words are lower-case and end at an apostrophe, as in `_words.py`; what
stands in `_function_words.py` is not repeated here.
"""

from __future__ import annotations

from tamis.scorers import _function_words as small

_KNOWN = {
    "English": "en",
    "German": "de",
    "French": "fr",
    "Spanish": "es",
    "Portuguese": "pt",
    "Italian": "it",
    "Dutch": "nl",
    "Russian": "ru",
}
_TASKS = {
    "en": """write give list name describe explain create generate find make provide design suggest
        compose construct identify compare classify rewrite edit convert calculate translate
        summarize summarise analyze analyse think come tell choose select take put add change
        replace answer sentence word words following given text story question example examples
        people good new used many first brainstorm draft devise develop build produce categorize
        solve multiply configure enter predict determine recommend organize hello hi bye goodbye
        hey thanks thank yes ok more most better best need want know help work year day time life
        world""",
    "de": """schreibe schreiben gib nenne beschreibe erkläre erstelle finde mache satz wort wörter
        folgende folgenden gegeben text geschichte frage beispiel beispiele menschen gut neue viele
        erste""",
    "fr": """écris écrivez donne donnez nomme nommez décris décrivez explique expliquez crée créez
        génère générez trouve trouvez fais faites énumère identifie propose conçois compose rédige
        rédigez convertis classe compare résume traduis réécris corrige choisis calcule phrase mot
        mots définis dessine montre évalue évaluez convertissez indique indiquez bonjour merci oui
        livre livres degrés suivant suivante suivants suivantes texte histoire exemple exemples
        fait faire""",
    "es": """toda todas tiene tienen sea sean ningún ninguna nadie otra otro otros cualquier así
        fue dos escribe escriba da nombra describe explica crea genera encuentra haz frase oración
        palabra palabras siguiente siguientes texto historia pregunta ejemplo ejemplos hacer""",
    "pt": """toda todas têm ninguém outra outro outros qualquer assim fazer dois escreva escreve dê
        descreva explique crie gere encontre faça frase palavra palavras seguinte seguintes texto
        história pergunta exemplo exemplos""",
    "it": """scrivi dai nomina descrivi spiega crea genera trova fai frase parola parole seguente
        seguenti testo storia domanda esempio esempi fare""",
    "nl": """schrijf geef noem beschrijf leg maak vind zin woord woorden volgende tekst verhaal
        vraag voorbeeld voorbeelden mensen""",
    "ru": """напиши напишите опиши опишите объясни объясните назови создай приведи перечисли
        предложение слово слова следующий следующее текст вопрос пример примеры""",
}
_OTHERS = {
    "pl": """każdy każda człowiek prawo bez być nikt swoje lub do ich wszystkich jako ani może i w
        z na nie to że się jest są od po jak za przez przy dla czy tym tego ten ta te oraz ale o ma
        był było co które który która jego jej można napisz podaj""",
    "cs": """bez jako nebo své svou jeho být každý ani ke má všech a v na se je že s z do o k za by
        to jsou byl byla bylo pro ale který která které podle při jejich také však může napište
        uveďte právo nikdo""",
    "sk": """a v na sa je že s z do o k za by to sú bol bola bolo pre ako ale alebo ktorý ktorá
        ktoré podľa pri jeho ich tiež však môže byť napíšte uveďte každý právo má svoje nikto""",
    "ro": """și în de la cu pe pentru este sunt din că nu o un care mai sau ca fi a ai al ale fost
        prin după lui ei acest această scrie explică""",
    "hu": """a az és hogy nem egy is van volt ez azt meg de mint vagy csak el ki még már amely
        lehet kell írj írja minden ezt joga személynek senki szabad valamint saját""",
    "fi": """ja on ei se että oli hän ovat kuin mutta joka tai niin myös sekä kun jos voi ole olla
        tämä siitä mitä kirjoita oikeus jokaisella kaikki hänen ilman muu näiden""",
    "sv": """och i att det som en på är av för med den till inte om har de ett han var jag från vi
        så kan när eller ska hur skriv också efter vad blev mycket alla rätt genom skall""",
    "da": """eller ham sin dens dette disse hans ikke uden samt og i at det som en på er af for med
        den til om har de et han var jeg fra vi så kan når skal hvordan skriv hvad også efter blev
        være meget kun sig hver enhver ret noget nogen over mod må""",
    "no": """og i å det som en på er av for med den til ikke om har de et han var jeg fra vi så kan
        når eller skal hvordan skriv hva ei ein ikkje også etter ble være mye bare seg hver enhver
        rett noe noen over uten mot må""",
    "tr": """ve bir bu da de için ile olarak olan çok daha gibi kadar ne ise mi mı değil var yok en
        ya veya ancak sonra tarafından ben sen nasıl nedir""",
    "vi": """và của là có cho không các những một được trong với này đó để người khi từ như đã về
        ra trên tôi bạn hãy thì nhiều viết vào hay hoặc năm mọi quyền phải việc đều theo nào bất
        mình nếu nên bị sự tại cả""",
    "id": """dan yang di untuk dengan dari ini itu adalah pada tidak dalam akan atau ke oleh saya
        anda kamu juga bisa boleh dapat karena kerana sebagai telah setiap orang hak tuliskan tulis
        jelaskan""",
    "ca": """tots totes cap altra altres dels aquests seus qualsevol li el la els les de i a en que
        un una per amb és no es al del com més seva seu també són ha però aquest aquesta o ser hi
        ho""",
    "gl": """o a os as de e en que un unha por con non se ao á do da dos das como máis súa seu
        tamén son pero este esta ou ser polo pola toda persoa ten dereito ninguén dun dunha nin
        seus súas tódolos""",
    "af": """die en van in is het dit nie wat om te vir met op aan hy sy dat sal word as deur kan
        ek jy hulle se ook elke iemand geen reg alle enige hierdie ons of by uit""",
    "tl": """ang ng sa na mga ay at si hindi ito para may kung ko mo ako siya ni po isang nang""",
    "sw": """na ya wa kwa ni katika za la kuwa hii hiyo kama au cha vya watu yake huo haki""",
    "eo": """la kaj de en al estas ne ke por kun mi vi li ŝi ĝi ili estis sed aŭ kiel tiu""",
    "hr": """i u na je da se za od su s kao ne koji koja koje ili što će biti bio ali iz po ima
        svaki svatko pravo te bude kako sve treba nitko ovoj prema""",
    "sl": """in v na je da se za so z ki ne kot ali tudi bi ima pri po od ter vsak biti pravico
        vsakdo sme kakor njegove svoje med vse do""",
    "et": """ja on ei et see oli ta kui ka mis või oma ning nii selle igal""",
    "lv": """un ir ar no par uz tas ka kas vai nav lai viņa arī tiek katram""",
    "lt": """ir yra su iš kad tai į ne kaip už arba apie buvo jis ar kiekvienas turi teisę būti jo
        jos jų nuo""",
    "sq": """dhe të në e i një për me nga që është nuk si ka do se ose çdo""",
    "eu": """eta da ez bat du ere izan dira den egin hori gabe edo dute gizon oro nork eskubide
        bere ezin dela behar duten""",
    "cy": """y yr a i o yn ei mae ar am nid gan wedi neu hawl pawb ac wrth bod unrhyw""",
    "ga": """agus an na ar le is go a i do tá ag nó bhfuil gach uile duine chun aon ina sin""",
    "is": """og að í á er sem til með það ekki um við hann var fyrir eða hver skal""",
    "mt": """u li ta fil il ma hu hija għal jew kull minn""",
    "uk": """і й та в у на не що з до за як це його її вони ми він вона є але або від по про для
        щоб був була було який яка які також напиши тебе вас мене ти де коли кожна людина має право
        бути ні своїх""",
    "bg": """и на в за да се от е не с по са като ще си към или това той тя те които който която
        може има че бъде всеки човек право без при нито неговите своята""",
    "sr": """и у на је да се за од су са као не који која које или што ће бити али из по има свако
        право нико сме њихов свим при како све треба""",
    "mk": """и на во за да се од е не со по како ќе или тоа тој таа тие кои кој која може има дека
        секој право никој сите при своите""",
    "be": """і ў на не што з да за як гэта яго яе яны мы ён яна ёсць але або ад па для быў кожны
        чалавек мае права ні быць сваіх пры якія""",
    "kk": """және бір бұл мен үшін де да бар емес деп болып еді ол құқығы әр""",
    "ar": """في من على إلى أن هذا هذه التي الذي ما لا أو كان مع عن قد هو هي ذلك كل بعد بين لم كما و
        عند حتى إذا ثم يمكن اكتب اشرح""",
    "fa": """و در به از که این را با است برای آن یک می های شود بر تا هر نیز خود کرد شد یا اما هستند
        بود دارد کنید بنویسید""",
    "ur": """کے کی میں اور ہے کا سے کو کہ ہیں اس نے پر یہ بھی وہ ایک نہیں تھا جو لیے ہو گیا یا
        کریں""",
    "ps": """د په او چې له نه دا يې سره هم کې ته""",
    "hi": """के की में है और का से को पर यह हैं ने कि भी एक नहीं था जो लिए इस हो या कर वह करें
        लिखें बताइए क्या""",
    "mr": """आणि आहे या तो ती हे नाही की व एक आहेत होते करण्यात असे मध्ये साठी च्या किंवा""",
    "ne": """र छ को मा का ले गर्न हो छन् यो पनि एक भएको लागि तथा गर्ने हुनेछ वा""",
}
_SPELLINGS = {
    "en": r"(?:ing|ness|ght|ould|ely|ally|ever)$|^(?:wh|th|sh)[aeiou]",
    "de": r"(?:ß|sch|ung$|lich$|keit$|heit$|tz)",
    "fr": r"(?:[œêûùèîâ]|é.|ç[ao]|eaux?$|eux$|aient$|iez$|elle$|ement$|oi[rst]$|^qu\w+)",
    "es": r"(?:ñ|ción$|ciones$|idad$|amente$|ll[aeo]$)",
    "pt": r"(?:[ãõ]|ção$|ções$|idade$|lh[aeo]|nh[aeo])",
    "it": r"(?:zion[ei]$|ità$|gli|cch|zz|[àèìòù]$)",
    "nl": r"(?:ij|heid$)",
    "pl": r"[łąęśźż]|cz|sz|rz",
    "cs": r"[ěřů]",
    "sk": r"[ľŕôä]",
    "ro": r"[șțăşţ]",
    "hu": r"[őű]|gy|sz|nak$|nek$",
    "fi": r"(?:ää|yy|ssa$|ssä$|lla$|llä$|sta$|stä$|nen$)",
    "sv": r"(?:ä|å|ö)",
    "da": r"(?:æ|ø)",
    "no": r"(?:æ|ø|å)",
    "tr": r"[ğış]|l[ae]r$|m[ae]k$",
    "vi": r"[ơưđạảấầẩẫậắằẳẵặẹẻẽềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]",
    "ca": r"(?:l·l|ny$|ció$|itat$|ïn?)",
    "gl": r"(?:ción$|dade$|x[ae])",
    "eo": r"[ĉĝĥĵŝŭ]",
    "lv": r"[āēīūķļņģ]",
    "lt": r"[ėįųū]",
    "is": r"[ðþ]",
    "mt": r"[ħġż]",
    "et": r"(?:õ|ää|öö)",
    "ru": r"[ыэъё]",
    "uk": r"[іїєґ]",
    "be": r"[ўі]",
    "bg": r"ъ|та$|те$",
    "sr": r"[ђјљњћџ]",
    "mk": r"[ѓќѕјљњ]",
    "kk": r"[әғқңөұүһ]",
    "ar": r"[ةىأإؤ]|^ال",
    "fa": r"[پچژگکی]",
    "ur": r"[ٹڈڑںےھہ]",
    "ps": r"[ټډړښږڼېۍ]",
}


def _lists() -> dict[str, frozenset[str]]:
    """Words of each language."""
    found = {
        code: f"{small.OPENING[name]} {small.OTHERS[name]} {_TASKS[code]}"
        for name, code in _KNOWN.items()
    }
    return {code: frozenset(text.split()) for code, text in (found | _OTHERS).items()}


WORDS = _lists()
SPELLINGS = _SPELLINGS
