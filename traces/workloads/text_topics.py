"""Prompts about all and sundry: kinds of task, what each can be about, and how its answer should look."""

from __future__ import annotations

from .text_domains import Family, axis


def _listed(text: str) -> list[str]:
    return [item.strip() for item in text.replace("\n", "|").split("|") if item.strip()]


_SUBJECTS = _listed(
    """
    a lighthouse in winter|the first day at school|an old bicycle|a lost umbrella|the night train
    a street market|a violin maker|two rival bakers|a robot gardener|the last ferry
    a chess game in the park|a broken clock|the smell of rain|an empty theatre
    a letter that came too late|a cat on a roof|a power cut|the longest day|a map with a mistake
    a village under snow|moving house|a shy giant|the queue at the post office|a tide pool
    a retired astronaut|a secret garden|a wrong number|the sound of bells|a fox in the city
    a birthday nobody remembered|a bridge at dawn|a suitcase full of books|the back row of a cinema
    a homesick sailor|an honest thief|a beekeeper's daughter|an island without cars|a talking parrot
    a forgotten password|the colour blue
    """
)

_IDEAS = _listed(
    """
    supply and demand|natural selection|the greenhouse effect|compound interest|the rule of law|entropy
    the placebo effect|vaccination|black holes|the immune system|machine learning|opportunity cost|irony
    the French Revolution|the Silk Road|the printing press|continental drift|public-key encryption
    the tides|the theory of relativity|perspective in painting|the twelve-tone scale|checks and balances
    game theory|buoyancy|the carbon cycle|tree rings|antibiotic resistance|the Doppler effect
    bird migration|coral bleaching|fermentation|the electoral college|blockchains|semiconductors
    the water table|the stock market|sonnets|impressionism|stoicism|utilitarianism|the Roman aqueducts
    the Industrial Revolution|the invention of zero|double-entry bookkeeping|crop rotation|radio waves
    lasers|steam engines|the periodic table|chlorophyll|earthquakes|volcanoes|glaciers
    """
)

_SKILLS = _listed(
    """
    juggling|touch typing|baking bread|playing the ukulele|public speaking|watercolour painting|knitting
    chess|calligraphy|speed reading|sign language|photography|swimming butterfly|meditation|whittling
    beatboxing|origami|gardening|negotiating|drawing portraits|cooking Thai food|running a marathon
    writing poetry|pottery|solving cryptic crosswords|skipping stones|birdwatching|sewing|keeping bees
    sailing a dinghy
    """
)

_PLACES = _listed(
    """
    Iceland|Morocco|Vietnam|Scotland|Patagonia|Sicily|Georgia|Namibia|Kerala|Hokkaido|Brittany|Tasmania
    Oaxaca|Slovenia|Jordan|Quebec|Crete|Bhutan|Madeira|Lapland|Ghana|Uruguay|Sri Lanka|the Azores|Alaska
    Provence|the Scottish Highlands|Cornwall|Bavaria|Andalusia
    """
)

# Endings make of one task several prompts, alike but not the same.
_WRITING = (
    "",
    " Keep it under 80 words.",
    " Use about 300 words.",
    " Begin with a question.",
    " End with a question.",
    " Write in the first person.",
    " Set it a hundred years ago.",
    " Do not use the letter z.",
    " Give it a title.",
    " Mention a dog.",
)
_ANSWER = (
    "",
    " Keep it under 80 words.",
    " Use about 300 words.",
    " Use simple words.",
    " Answer with a numbered list.",
    " Give an example.",
    " Avoid technical terms.",
    " End with a one-line summary.",
    " Begin with the most surprising point.",
    " Tell me also how sure you are.",
    " Finish with a question for me.",
    " Use a casual tone.",
    " Use a formal tone.",
    " Leave out the introduction.",
)
_CODE = (
    "",
    " Add comments.",
    " Add a test.",
    " Handle empty input.",
    " Use only the standard library.",
    " Make it fast for large inputs.",
    " Keep it under twenty lines.",
    " Explain how it works.",
    " Say how long it takes for n items.",
    " Avoid recursion.",
)

# (task, the endings that suit it)
FAMILIES = (
    (
        Family(
            ("Write a {form} about {subject}, {tone}.",),
            (
                axis(
                    "form",
                    "short story",
                    "poem",
                    "limerick",
                    "song lyric",
                    "dialogue",
                    "diary entry",
                    "bedtime story",
                    "haiku",
                    "film scene",
                    "fable",
                ),
                axis("subject", *_SUBJECTS),
                axis(
                    "tone",
                    "funny",
                    "melancholy",
                    "full of suspense",
                    "in the present tense",
                    "with a surprise ending",
                ),
            ),
        ),
        _WRITING,
    ),
    (
        Family(
            ("Explain {idea} to {audience}.",),
            (
                axis("idea", *_IDEAS),
                axis(
                    "audience",
                    "a six-year-old",
                    "a teenager",
                    "a busy manager",
                    "a retired teacher",
                    "someone who hates science",
                    "a first-year student",
                    "a sceptical friend",
                    "an alien visitor",
                ),
            ),
        ),
        _ANSWER,
    ),
    (
        Family(
            ("What do {idea} and {other} have in common?",),
            (axis("idea", *_IDEAS[:27]), axis("other", *_IDEAS[27:])),
        ),
        _ANSWER,
    ),
    (
        Family(
            ("Make a {weeks}-week plan for learning {skill}, for {learner}.",),
            (
                axis("weeks", "two", "four", "six", "ten"),
                axis("skill", *_SKILLS),
                axis(
                    "learner",
                    "a complete beginner",
                    "someone with ten minutes a day",
                    "a pair of siblings",
                    "a person over sixty",
                    "somebody who gives up easily",
                ),
            ),
        ),
        _ANSWER,
    ),
    (
        Family(
            ("{ask} {place}?",),
            (
                axis(
                    "ask",
                    "Which dishes should one try in",
                    "What is a good gift to bring back from",
                    "Which festivals are celebrated in",
                    "What wildlife can be seen in",
                    "How did tourism change",
                    "Which films were shot in",
                    "What do people do on a Sunday in",
                    "Which myths and legends come from",
                    "What would surprise a first-time visitor to",
                    "Which crops are grown in",
                    "What music is typical of",
                    "How is winter spent in",
                    "Which famous writers wrote about",
                    "What are houses traditionally built of in",
                ),
                axis("place", *_PLACES),
            ),
        ),
        _ANSWER,
    ),
    (
        Family(
            ("Write a {language} function that {job}.",),
            (
                axis(
                    "language",
                    "Python",
                    "JavaScript",
                    "Rust",
                    "Go",
                    "Java",
                    "C",
                    "Haskell",
                    "Kotlin",
                    "Ruby",
                    "SQL",
                ),
                axis(
                    "job",
                    "reverses the words of a sentence",
                    "finds the longest palindrome in a string",
                    "merges overlapping intervals",
                    "counts the vowels in a text",
                    "parses a date",
                    "validates an email address",
                    "computes a moving average",
                    "finds duplicates in a list",
                    "rotates a matrix",
                    "converts Roman numerals",
                    "groups anagrams",
                    "flattens nested lists",
                    "draws a random sample",
                    "rounds prices to five cents",
                    "finds the shortest path in a maze",
                    "compresses repeated letters",
                    "checks whether brackets match",
                    "sorts people by age and name",
                    "formats a number with thousands separators",
                    "generates a strong password",
                ),
            ),
        ),
        _CODE,
    ),
    (
        Family(
            ("Suggest {what} for {whom}.",),
            (
                axis(
                    "what",
                    "five birthday presents",
                    "a costume",
                    "a name for a dog",
                    "a toast",
                    "a weekend hobby",
                    "a podcast topic",
                    "a rainy-day game",
                    "a farewell card",
                    "three conversation starters",
                    "a reading list",
                    "a silly excuse",
                    "a secret handshake",
                    "a motto",
                    "a team exercise",
                ),
                axis(
                    "whom",
                    "a geologist",
                    "my grandmother",
                    "a pair of twins",
                    "a new colleague",
                    "a night nurse",
                    "a lorry driver",
                    "a choir",
                    "a retired judge",
                    "an amateur magician",
                    "a group of cyclists",
                    "a lighthouse keeper",
                    "a football coach",
                    "my neighbour's teenager",
                    "a homesick student",
                    "a book club",
                    "a vegetarian butcher",
                ),
            ),
        ),
        _ANSWER,
    ),
    (
        Family(
            ("Give {count} arguments {side} {question}.",),
            (
                axis("count", "two", "three", "five"),
                axis("side", "for", "against", "for and against"),
                axis(
                    "question",
                    "a four-day week",
                    "school uniforms",
                    "free public transport",
                    "daylight saving time",
                    "zoos",
                    "paper books",
                    "working from home",
                    "a tax on sugar",
                    "homework",
                    "self-driving lorries",
                    "longer lunch breaks",
                    "exams without marks",
                    "open-plan offices",
                    "banning fireworks",
                    "keeping cats indoors",
                    "a shorter summer holiday",
                    "tipping",
                    "space tourism",
                ),
            ),
        ),
        _ANSWER,
    ),
)
