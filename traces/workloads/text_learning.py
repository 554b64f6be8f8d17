"""Questions of pupils and the curious, and the house rules of a tutoring school's assistant."""

from __future__ import annotations

from .text_domains import Domain, Family, axis

_FAMILIES = (
    Family(
        (
            "[how do you|how do I|how does one] say {phrase} in {language}?",
            "[what is|what's] {phrase} in {language}?",
            "[translate|please translate|I'd like you to translate] {phrase} [to|into] {language}.",
            "[what's|can you tell me] the {language} [for|expression for|translation of] {phrase}?",
        ),
        (
            axis("phrase", '"good morning"', '"thank you"', '"where is the station"', '"see you tomorrow"'),
            axis("language", "Spanish", "French", "German", "Italian", "Portuguese", "Japanese"),
        ),
    ),
    Family(
        (
            "how many {to} [are|make|are there in] {amount} {start}?",
            "[convert|change] {amount} {start} [to|into] {to}[|, please].",
            "[what is|what's] {amount} {start} in {to}?",
            "[can you give me|can you express|do you know] {amount} {start} in {to}?",
        ),
        (
            axis(
                "start to",
                ("kilometres", "miles"),
                ("miles", "kilometres"),
                ("kilograms", "pounds"),
                ("pounds", "kilograms"),
                ("litres", "gallons"),
                ("gallons", "litres"),
                ("inches", "centimetres"),
                ("centimetres", "inches"),
            ),
            axis("amount", "5", "12", "40"),
        ),
    ),
    Family(
        (
            "[what is|what's|how much is|what do I get for] {percent} percent of {base}?",
            "[work out|calculate|compute] {percent} percent of {base}[|, please| for me].",
            "[can you tell me|do you know] [what|how much] {percent} percent of {base} is?",
            "[I need|I'd like] to [know|work out] {percent} percent of {base}.",
        ),
        (axis("percent", "15", "20", "75"), axis("base", "80", "240", "1,500")),
    ),
    Family(
        (
            "[what's|what is|do you know] the capital of {country}?",
            "[which city|what city] is the capital of {country}?",
            "[tell me|name|I forgot] the [capital|capital city] of {country}.",
            "{country} has [which|what] [city as its capital|capital]?",
        ),
        (
            axis(
                "country",
                "Australia",
                "Canada",
                "Brazil",
                "Turkey",
                "Kenya",
                "New Zealand",
                "Morocco",
                "Peru",
            ),
        ),
    ),
    Family(
        (
            "[how many people live|what's the population|how many inhabitants are there] in {country}?",
            "[how large|how big] is the population of {country}?",
            "[tell me|I'm looking for|I need] the [population|number of inhabitants] of {country}.",
        ),
        (
            axis(
                "country",
                "Australia",
                "Canada",
                "Brazil",
                "Turkey",
                "Kenya",
                "New Zealand",
                "Morocco",
                "Peru",
            ),
        ),
    ),
    Family(
        (
            "[give me|I need|I'm looking for] a word that means {relation} {word}.",
            "[which|what] word means {relation} {word}?",
            "[can you think of|do you know|is there] a word that means {relation} {word}?",
        ),
        (
            axis("relation", "[the same as|about the same as]", "[the opposite of|the exact opposite of]"),
            axis("word", '"brave"', '"generous"', '"ancient"', '"cheerful"', '"fragile"', '"scarce"'),
        ),
    ),
    Family(
        (
            "[please explain|explain|I don't understand|help me understand] {idea}.",
            "[what is|what exactly is|how does one explain] {idea}?",
            "[we're doing {idea} at school|my teacher talked about {idea}]. [What is it|Can you explain it]?",
        ),
        (
            axis(
                "idea",
                "photosynthesis",
                "[gravity|the force of gravity]",
                "[the water cycle|the cycle of water]",
                "[a prime number|a prime]",
                "[a solar eclipse|an eclipse of the sun]",
                "[a lunar eclipse|an eclipse of the moon]",
                "[inflation|price inflation]",
                "[plate tectonics|the movement of the continents]",
                "[a metaphor|the metaphor]",
                "[a simile|the simile]",
            ),
        ),
    ),
    Family(
        (
            "[how do I|how can I|can you show me how to] find the {measure} of a {shape}?",
            "[what's|what is|do you know] the formula for the {measure} of a {shape}?",
            "[which|what] formula gives the {measure} of a {shape}?",
        ),
        (
            axis("measure", "area", "[perimeter|distance around the outside]"),
            axis("shape", "circle", "triangle", "rectangle", "trapezium"),
        ),
    ),
)

_RULES = (
    Family(
        (
            "The {subject} course for [beginners|the middle years|the final year] has [8|10|12|16] lessons "
            "of [45|60|90] minutes, costs [80|120|150|210] and ends with [a test|a project|a short talk].",
        ),
        (
            axis(
                "subject",
                "Spanish",
                "French",
                "German",
                "Japanese",
                "algebra",
                "geometry",
                "chemistry",
                "biology",
                "history",
                "geography",
                "creative writing",
            ),
        ),
    ),
    Family(
        (
            "When a pupil asks {case}, [give a hint first|ask what they have tried|work a similar "
            "example], and reveal the full answer only [after two attempts|at the end of the lesson|if a "
            "teacher agrees].",
        ),
        (
            axis(
                "case",
                "for the answer to their homework",
                "for a translation of a whole text",
                "how to solve an equation",
                "for a summary of a book",
                "whether their essay is good",
                "for help the night before a test",
            ),
        ),
    ),
    Family(
        (
            "To explain {idea}, begin with [a drawing|an everyday example|a question|a short story] and "
            "take no more than [five|eight|ten|twelve] sentences; then set [one|two|three] exercises.",
        ),
        (
            axis(
                "idea",
                "photosynthesis",
                "gravity",
                "the water cycle",
                "prime numbers",
                "eclipses",
                "inflation",
                "plate tectonics",
                "percentages",
                "metaphors",
            ),
        ),
    ),
)

DOMAIN = Domain(
    name="learning",
    families=_FAMILIES,
    companies=("Bright Quill", "The Acorn School", "Pathfinder Tutors", "Blue Slate Learning"),
    business="a tutoring school",
    rules=_RULES,
    place="classroom",
)
