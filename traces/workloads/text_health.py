"""Questions about exercise, sleep and small injuries, and the house rules of a health line's assistant."""

from __future__ import annotations

from .text_domains import Domain, Family, axis

_FAMILIES = (
    Family(
        (
            "[how can I|how do I|what's a healthy way to] {change} {what}?",
            "[what can I do|what do I have to do|is there a good way] to {change} {what}?",
            "my doctor [says|told me] that I should {change} {what}[. Any advice?|. How do I start?]",
            "[I'm trying|I want|I'd like] to {change} {what}[. What works?|. Where do I begin?|, any tips?]",
        ),
        (
            axis(
                "change what",
                ("[lower|reduce|bring down]", "my blood pressure"),
                ("[raise|increase|bring up]", "my blood pressure"),
                ("[lose|shed]", "[weight|a few kilos]"),
                ("[gain|put on]", "[weight|a few kilos]"),
                ("[lower|reduce|bring down]", "my cholesterol"),
                ("[build|gain]", "[muscle|more muscle]"),
                ("[lower|reduce]", "my resting heart rate"),
            ),
        ),
    ),
    Family(
        (
            "[is it OK|is it safe|is it a good idea] to {exercise} with {trouble}?",
            "I have {trouble}. [Can I still|Should I still|May I] {exercise}?",
            "[would it be unwise|is it harmful] to {exercise} [with|if I have] {trouble}?",
        ),
        (
            axis("exercise", "[go running|run]", "[go swimming|swim]", "[lift weights|train with weights]"),
            axis("trouble", "a cold", "[a sore knee|knee pain]", "[back pain|a bad back]", "a fever"),
        ),
    ),
    Family(
        (
            "[which stretches|what stretches] [should I do|are good] {when} {sport}?",
            "[how do I|what's the best way to] stretch {when} {sport}?",
            "I'd like to [stretch|do some stretches] {when} {sport}. [Which ones|How]?",
        ),
        (
            axis("when", "[before|ahead of]", "[after|following]"),
            axis(
                "sport",
                "[running|a run]",
                "[cycling|a bike ride]",
                "[football|a football match]",
                "[yoga|a yoga class]",
            ),
        ),
    ),
    Family(
        (
            "[what should I|what's good to|what do athletes] eat {when} {sport}?",
            "[which|what] [snack|meal|food] is [best|good] {when} {sport}?",
            "[can you suggest|I'm looking for] something to eat {when} {sport}.",
        ),
        (
            axis("when", "[before|ahead of]", "[after|following]"),
            axis("sport", "[running|a run]", "[cycling|a bike ride]", "[football|a football match]"),
        ),
    ),
    Family(
        (
            "[how many calories|how much energy] [do I burn|does one burn] in {time} of {sport}?",
            "how many calories [are burnt|are used up] [by|in|during] {time} of {sport}?",
            "I did {time} of {sport} [today|this morning|yesterday]. How many calories [did I burn|is that]?",
            "does {time} of {sport} burn many calories[|, and how many]?",
        ),
        (
            axis("time", "half an hour", "an hour", "two hours"),
            axis("sport", "walking", "swimming", "cycling", "rowing"),
        ),
    ),
    Family(
        (
            "[what do I do|what should I do|what's the first aid] for {injury}?",
            "[how do I|how should I] treat {injury}[| at home]?",
            "my [son|daughter|friend] has {injury}[. What now?|, what do I do?|. How can I help?]",
        ),
        (
            axis(
                "injury",
                "[a burn|a burnt hand]",
                "[a nosebleed|a bleeding nose]",
                "[a bee sting|a wasp sting]",
                "[a sprained ankle|a twisted ankle]",
                "[a splinter|a splinter in the finger]",
                "[sunburn|a sunburnt back]",
                "[a blister|a blister on the heel]",
                "[a tick bite|a bite from a tick]",
            ),
        ),
    ),
    Family(
        (
            "[how much sleep|how many hours of sleep] does {person} need[| at night]?",
            "[what's|what is] the right amount of sleep for {person}?",
            "[how long|how many hours] should {person} sleep[| each night]?",
        ),
        (axis("person", "a toddler", "a ten-year-old", "a teenager", "an adult", "a person over seventy"),),
    ),
    Family(
        (
            "[which|what] foods are [rich in|a good source of|high in] {nutrient}?",
            "[where do I get|how do I get enough] {nutrient} [from|in] my [food|diet]?",
            "[what should I eat|what can I eat] to get [enough|more] {nutrient}?",
        ),
        (axis("nutrient", "iron", "vitamin C", "vitamin D", "vitamin B12", "calcium", "fibre", "magnesium"),),
    ),
    Family(
        (
            "[how much|what daily amount of] {nutrient} [do I need|does an adult need][| a day| every day]?",
            "[what's|what is] the recommended [daily amount|amount per day] of {nutrient}?",
            "how many [milligrams|micrograms] of {nutrient} should I [get|have] [a day|every day]?",
        ),
        (axis("nutrient", "iron", "vitamin C", "vitamin D", "calcium"),),
    ),
    Family(
        (
            "[what are|can you tell me] the [signs|symptoms] of [too little|a lack of] {nutrient}?",
            "how do I [notice|know|find out] that I'm not getting enough {nutrient}?",
            "[which|what] symptoms does [a lack of|too little] {nutrient} [cause|have]?",
        ),
        (axis("nutrient", "iron", "vitamin C", "vitamin D", "calcium"),),
    ),
    Family(
        (
            "[how can I|what helps me to] {goal}[| at night]?",
            "[why can't I|why do I find it so hard to] {goal}[|, and what can I do about it]?",
            "[do you have|are there] any [tips|tricks] to {goal}?",
        ),
        (axis("goal", "fall asleep [faster|sooner|more quickly]", "[wake up|get up] [early|earlier]"),),
    ),
)

_RULES = (
    Family(
        (
            "For {injury}, ask [how it happened|when it happened|how bad it is], advise rest, and "
            "call back after [one hour|two hours|one day|two days]; if it is no better, book a doctor.",
        ),
        (
            axis(
                "injury",
                "a small burn",
                "a nosebleed",
                "an insect sting",
                "a sprained ankle",
                "a blister",
                "a grazed knee",
                "sunburn",
                "a bruise",
                "a splinter",
            ),
        ),
    ),
    Family(
        (
            "The [class|course] in {sport} is held on [Mondays|Tuesdays|Thursdays|Saturdays] at "
            "[7|9|17|18|20] o'clock, takes [8|12|15|20] people and costs [5|8|10|12] a session.",
        ),
        (
            axis(
                "sport",
                "yoga",
                "swimming",
                "rowing",
                "cycling",
                "dance",
                "strength training",
                "walking football",
            ),
        ),
    ),
    Family(
        (
            "Advice for {person} begins with [sleep|food|exercise|daily routine]; we suggest [30|45|60|90] "
            "minutes of movement a day, [most of it outdoors|in several short spells|at any pace].",
        ),
        (axis("person", "a toddler", "a child of ten", "a teenager", "an adult", "a person over seventy"),),
    ),
    Family(
        ("Never {act}: [put the caller through to a nurse|give the clinic's number|say that you cannot].",),
        (
            axis(
                "act",
                "name a diagnosis",
                "recommend a dose",
                "comment on a test result",
                "advise stopping a medicine",
                "promise an appointment",
                "judge a photograph",
            ),
        ),
    ),
)

DOMAIN = Domain(
    name="health",
    families=_FAMILIES,
    companies=("Clearwater Health Line", "Marigold Clinic", "Stonebridge Fitness", "The Elm Practice"),
    business="a health and fitness advice line",
    rules=_RULES,
    place="clinic",
)
