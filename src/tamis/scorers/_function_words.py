"""Words that join or stand for others, in eleven languages: what is left has meaning of its own.

For each language two lists: words that open a level below what they are attached to (prepositions,
relative and subordinating words), and other small words (articles, pronouns, auxiliaries, words
that coordinate). Parts of words that an apostrophe cuts off are in the lists as well. In Chinese
and Japanese they are searched inside runs of one script, in Thai too.
"""

from __future__ import annotations

import re

OPENING = {
    "English": """of in on at by for with from into onto about over under between among through
        during before after above below against across behind beyond within without toward towards
        upon per via despite since until till that which who whom whose when where while because if
        unless although though whether so as than like including using how why what to""",
    "German": """von in im an am auf aus bei beim mit nach seit zu zum zur durch für gegen ohne um
        über unter vor hinter neben zwischen während wegen trotz bis dass daß weil wenn ob obwohl
        damit indem bevor nachdem wer wie wo wann warum welche welcher welches deren dessen als""",
    "French": """de du des d à au aux en dans sur sous avec sans pour par chez entre vers contre
        depuis pendant avant après selon que qu qui dont où quand lorsque parce puisque si comme
        afin comment pourquoi quel quelle quels quelles lequel laquelle""",
    "Spanish": """de del en a al con sin por para sobre entre hacia hasta desde contra según
        durante ante bajo tras que quien quienes cuyo cuya donde cuando como porque si aunque
        mientras cual cuales qué cómo cuándo dónde""",
    "Portuguese": """de do da dos das em no na nos nas com sem por pelo pela pelos pelas para sobre
        entre até desde contra segundo durante após sob que quem cujo cuja onde quando como porque
        se embora enquanto qual quais ao à aos às""",
    "Italian": """di del della dello dei delle degli dell a al alla allo ai alle agli all da dal
        dalla dai dalle dall in nel nella nei nelle nell con senza per su sul sulla sui sulle tra
        fra verso contro durante dopo prima che chi cui dove quando perché se mentre come quale
        quali""",
    "Dutch": """van in op aan bij met naar voor door over onder tussen tegen zonder om uit tot
        tijdens na sinds volgens te dat die waar wanneer omdat als of terwijl hoewel zodat hoe
        waarom wie wat welke""",
    "Russian": """в во на с со к ко по из от до для о об при у над под между через без после перед
        про около что чтобы который которая которое которые которого которой которых где когда если
        потому хотя как пока кто чей""",
}
OTHERS = {
    "English": """a an the this these those i you he she it we they me him her us them my your his
        its our their mine yours myself yourself itself themselves is are was were be been being am
        do does did done have has had having will would shall should can could may might must not
        no nor and or but also too very just only then there here each any some both either neither
        please such s t d ll re ve m don doesn isn aren""",
    "German": """der die das den dem des ein eine einen einem einer eines ich du er sie es wir ihr
        mich dich ihn uns euch mir dir ihm ihnen mein dein sein unser euer ihre seine ist sind war
        waren bin bist hat haben hatte habe wird werden wurde würde kann können könnte soll sollte
        muss müssen darf mag nicht kein keine und oder aber auch nur noch schon sehr so bitte dann
        hier diese dieser dieses jede jeder jedes""",
    "French": """le la les l un une je j tu il elle on nous vous ils elles me m te t se s lui leur
        leurs mon ma mes ton ta tes son sa ses notre nos votre vos ce c cet cette ces est sont
        était étaient être été suis es a ont ai avez avons avoir sera serait peut peuvent doit ne n
        pas plus et ou mais aussi très donc y chaque tout tous""",
    "Spanish": """el la los las lo un una unos unas yo tú él ella usted nosotros ellos ellas me te
        se nos le les mi mis tu tus su sus este esta estos estas ese esa eso esto es son era eran
        ser está están estar ha han he haber hay será puede pueden debe no y e o u pero también muy
        más ya solo cada todo todos""",
    "Portuguese": """o a os as um uma uns umas eu tu ele ela você nós eles elas me te lhe meu minha
        seu sua seus suas este esta esse essa isto isso é são era eram ser está estão estar há tem
        têm foi será pode podem deve não e ou mas também muito mais já só cada todo todos""",
    "Italian": """il lo la i gli le l un uno una io tu lui lei noi voi loro mi ti si ci vi mio mia
        tuo tua suo sua questo questa questi queste quello quella è sono era erano essere ha hanno
        ho avere sarà può possono deve non e ed o ma anche molto più già solo ogni tutto tutti""",
    "Dutch": """de het een ik jij je hij zij ze wij we u mij hem haar ons hen mijn jouw zijn hun
        deze dit is was waren ben bent heeft hebben had wordt worden werd kan kunnen zou zal moet
        moeten niet geen en maar ook nog al zeer dan er hier elke alle""",
    "Russian": """я ты он она оно мы вы они меня тебя его её ее нас вас их мне тебе ему ей нам вам
        им мой твой свой свою своей наш ваш это этот эта эти тот та те быть был была было были есть
        будет будут бы не ни и а но или да же ли также тоже очень уже ещё еще только можно нужно
        каждый все всё""",
}
HAN_OPENING = (
    *(
        "关于",
        "關於",
        "如果",
        "因为",
        "因為",
        "虽然",
        "雖然",
        "为了",
        "為了",
        "根据",
        "根據",
        "按照",
    ),
    *(
        "通过",
        "通過",
        "由于",
        "由於",
        "对于",
        "對於",
        "作为",
        "作為",
        "如何",
        "怎么",
        "怎麼",
        "什么",
    ),
    *("什麼", "的", "在", "把", "被", "从", "從", "之"),
)
HAN_OTHERS = (
    *(
        "所以",
        "但是",
        "并且",
        "並且",
        "以及",
        "或者",
        "这个",
        "這個",
        "那个",
        "那個",
        "一个",
        "一個",
    ),
    *("一些", "我们", "我們", "你们", "你們", "他们", "他們", "可以", "了", "是", "和", "与", "與"),
    *(
        "或",
        "也",
        "都",
        "很",
        "不",
        "就",
        "而",
        "但",
        "这",
        "這",
        "那",
        "我",
        "你",
        "他",
        "她",
        "它",
    ),
    *("请", "請", "吗", "嗎", "呢", "吧"),
)
THAI_OPENING = (
    "ที่",
    "ซึ่ง",
    "ของ",
    "เพราะ",
    "เพื่อ",
    "ถ้า",
    "หาก",
    "เมื่อ",
    "เกี่ยวกับ",
    "จาก",
    "ใน",
    "โดย",
    "สำหรับ",
)
THAI_OTHERS = (
    "และ",
    "หรือ",
    "แต่",
    "เป็น",
    "คือ",
    "จะ",
    "ได้",
    "ให้",
    "ไม่",
    "กับ",
    "ก็",
    "นี้",
    "นั้น",
    "ฉัน",
    "คุณ",
)
KANA_OPENING = (
    *(
        "について",
        "という",
        "ために",
        "ための",
        "によって",
        "における",
        "ながら",
        "ので",
        "から",
        "より",
    ),
    *("なら", "たら", "とき", "の"),
)
KANA_ENDING = (
    r"^[をにがはもへでとの]*(?:し|する|され|でき|なり|なる|くだ|ます|まし|です|でし|てい|てく|ってい|あり|"
    r"ある|いる|ない|なか|なけ|ついて|よう|ため|から|まで|という|および|または|それ|これ|ここ|こと|もの|など)"
)
"""How runs of hiragana begin that only bend or join what stands around them."""


def searching(*lists: tuple[str, ...]) -> re.Pattern[str]:
    """A pattern that finds the words of the lists, longer ones first."""
    every = sorted((word for words in lists for word in words), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, every)))
