"""How hard a text is to read: the usual formula of each language, with syllables counted by groups of vowels."""

from __future__ import annotations

import re

VOWELS = {"en": "aeiouy", "es": "aeiouáéíóúü", "de": "aeiouyäöü", "fr": "aeiouyàâéèêëîïôûùüœæ"}
# where two vowel letters side by side are two syllables
HIATUS = {
    "en": r"[iy]a|io(?![un])|(?<!p)eo|ua(?=t)|uou|ui(?=d)|uie|ei(?=ng)|(?<=[rd])ea$|sms?$",
    "es": r"[aeoáéó](?=[aeoáéó])|[aeo](?=[íú])|[íú](?=[aeo])",
    "de": r"[iouüö](?=[äöü])|(?<![aäoe])[iu](?=[ao])|e(?=[ao])|(?<=[aeoä]u)e|(?<=ei)e",
    "fr": r"é(?=[aeiou])|[ao](?=[éèïë])",
}
# letters that are written and not spoken
SILENT = {
    "en": r"(?<=[^aeiouy][^laeiouy])e$|(?<=[aeiouy][^aeiouy])e$|(?<=[aeiouy][^aeiouyscgzxh])es$|(?<=th)es$"
    r"|(?<=[^aeiouy][^laeiouyscgzxh])es$|(?<=[^aeioutd])ed$|(?<=[aeiouy][^laeiouy])e(?=ly$|ment|less|ful)",
    "es": r"(?<=[qg])u(?=[eiéí])",
    "de": r"(?<=q)u",
    "fr": r"(?<=[^aeiouyéèê])es?$|(?<=[iuyé])es?$|(?<=[qg])u(?=[eiéèê])",
}
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+(?:[.,]\d+)?")


def words(text: str) -> list[str]:
    """Return the words and numbers of a text."""
    return WORD.findall(text)


def sentences(text: str) -> int:
    """Return the number of sentences: stops, question and exclamation marks at the end of a word."""
    return max(len(re.findall(r"[.!?…]+(?=[\s»)\"]|$)", text)), 1)


def syllables(word: str, language: str) -> int:
    """Return the syllables of a word; a number counts as two, which is about right for the small ones."""
    low = word.lower()
    if low[0].isdigit():
        return 2
    return sum(_syllables(part, language) for part in re.split(r"['’-]", low) if part) or 1


def _syllables(word: str, language: str) -> int:
    spoken = re.sub(SILENT[language], "", word)
    groups = len(re.findall(f"[{VOWELS[language]}]+", spoken))
    if not groups:
        return 0 if language == "fr" else 1
    return groups + len(re.findall(HIATUS[language], spoken))


def _rates(text: str, language: str) -> tuple[float, float]:
    found = words(text)
    return len(found) / sentences(text), sum(syllables(w, language) for w in found) / len(found)


def flesch_kincaid(text: str) -> float:
    """Return the school grade of an English text (Kincaid 1975): 8 is an eighth-grader's."""
    length, weight = _rates(text, "en")
    return 0.39 * length + 11.8 * weight - 15.59


def fernandez_huerta(text: str) -> float:
    """Return the ease of a Spanish text (Fernández Huerta 1959): 60 and more is plain, 80 easy."""
    length, weight = _rates(text, "es")
    return 206.84 - 60 * weight - 1.02 * length


def wiener_sachtext(text: str) -> float:
    """Return the school grade of a German text (first Wiener Sachtextformel, Bamberger and Vanecek 1984)."""
    found = words(text)
    counted = [syllables(w, "de") for w in found]
    share = 100 / len(found)
    many, one = share * sum(n >= 3 for n in counted), share * sum(n == 1 for n in counted)
    long = share * sum(len(w) > 6 for w in found)
    return 0.1935 * many + 0.1672 * len(found) / sentences(text) + 0.1297 * long - 0.0327 * one - 0.875


def kandel_moles(text: str) -> float:
    """Return the ease of a French text (Kandel and Moles 1958): 60 and more is plain."""
    length, weight = _rates(text, "fr")
    return 207 - 1.015 * length - 73.6 * weight
