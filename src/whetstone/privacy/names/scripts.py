"""Names in scripts without capitals, told by a phrase or an honorific: Chinese, Japanese, Korean, Arabic, Hindi."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_HAN = "\u4e00-\u9fff々"
_KANA = "\u3041-\u309f\u30a1-\u30ff"
_CHINESE_SURNAMES: Final = "王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何高林罗羅郑鄭梁谢謝宋唐许許韩韓冯馮邓鄧曹彭曾肖萧蕭田董袁潘于蒋蔣蔡余杜叶葉程苏蘇魏吕呂丁任沈姚卢盧姜崔钟鍾谭譚陆陸汪范金石廖贾賈夏韦韋付方白邹鄒孟熊秦邱江尹薛闫段雷侯龙龍史陶黎贺賀顾顧毛郝龚龔邵万萬钱錢严嚴武戴莫孔向汤湯吉鞠臧"
_KOREAN_SURNAMES: Final = "김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구민나진지엄채원천방공현함변염여추도소석선설마길연위표명기반왕금옥육인맹제모"
_PATTERNS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        # Chinese: "I am called …", "name: …", "please contact …", "Mr/Ms …".
        rf"(?:我叫|我的名字(?:是|叫)|我姓名是|名叫|姓名[:\uff1a]\s?|联系人[:\uff1a]\s?|客户[:\uff1a]\s?)(?P<name>[{_HAN}]{{1,3}}[ ·]?[{_HAN}]{{0,3}}?)(?=[,\uff0c。.!\uff01;\uff1b\s、的是]|$)",
        rf"(?P<name>(?:[{_HAN}]{{1,2}} )?[{_CHINESE_SURNAMES}][{_HAN}]{{0,2}}?)(?=先生|女士|小姐|老师|老師|医生|醫生|经理|教授|同学)",
        # Japanese: "my name is …", honorifics.
        rf"(?:名前は|わたしは|私は|氏名[:\uff1a]\s?|担当[:\uff1a]\s?)(?P<name>[{_HAN}{_KANA}]{{1,5}}[ \u3000]?[{_HAN}{_KANA}]{{0,5}}?)(?=です|と申します|と言います|といいます|[、。,\s]|$)",
        rf"(?<![{_HAN}{_KANA}])(?P<name>[{_HAN}]{{1,4}}[{_KANA}]{{0,3}}[ \u3000]?[{_HAN}]{{0,3}}[{_KANA}]{{0,3}}?)(?=様|さん|さま|殿|くん|ちゃん|氏)",
        # Korean: "my name is …", honorifics.
        rf"(?:이름은|저는|성함은|성명[:\uff1a]\s?|이름[:\uff1a]\s?)\s?(?P<name>[{_KOREAN_SURNAMES}][가-힣]{{1,3}}?|[가-힣]{{2}} [{_KOREAN_SURNAMES}])(?=입니다|이라고|라고|이에요|예요|[,.\s]|$)",
        rf"(?<![가-힣])(?P<name>[{_KOREAN_SURNAMES}][가-힣]{{2}}|[가-힣]{{2}} [{_KOREAN_SURNAMES}])(?=\s?(?:고객님|씨|님|선생님|부장님|과장님|대리님|교수님))",
        # Arabic: "my name is …", "Mr/Ms …", "thank you, O …".
        r"(?:(?<!\w)(?:اسمي(?: هو)?|السيدة?|الأستاذة?|الدكتورة?|المهندسة?|شكرا لك يا|عزيزي|عزيزتي)) (?P<name>[\u0621-\u0652]{2,14}(?: (?!وأ|في|من|على|إلى|أريد|لم|لا|هل|أن|قد)[\u0621-\u0652]{2,14}){0,2})",
        # Hindi: "my name is … है", "Mr …", "… जी".
        r"(?:नाम|श्रीमती|श्री|सुश्री|डॉ\.?) (?P<name>(?!है|हैं|क्या|और)[\u0900-\u0963]{2,16}(?: (?!है|हैं|का|की|के|को|ने|और|जी)[\u0900-\u0963]{2,16}){0,2})",
        r"(?<![\u0900-\u0963])(?P<name>[\u0900-\u0963]{2,16}(?: [\u0900-\u0963]{2,16}){0,2})(?= जी(?![\u0900-\u0963]))",
    )
)
_TRIGGERS: Final = re.compile(r"[\u0621-\u0652\u0900-\u0963\u3041-\u30ff\u4e00-\u9fff가-힣]")
_NOBODY: Final = frozenset(
    [
        "お客",
        "皆",
        "お母",
        "お父",
        "お姉",
        "お兄",
        "奥",
        "神",
        "王",
        "何",
        "患者",
        "母",
        "父",
        "客",
        "屋",
        "お医者",
        "同",
        "各位",
        "고객",
        "이름은",
    ]
)


def foreign_names(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each name. Linear: all parts of the patterns are bounded."""
    if _TRIGGERS.search(text) is None:
        return
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if match["name"].strip() not in _NOBODY:
                yield match.span("name")
