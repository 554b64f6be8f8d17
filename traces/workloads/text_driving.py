"""Questions about cars, parking and licences, and the house rules of a motoring club's assistant."""

from __future__ import annotations

from .text_domains import Domain, Family, axis

_FAMILIES = (
    Family(
        (
            "[how do I|how can I|what do I have to do to] {act} my {paper}?",
            "[I need|I want|I have] to {act} my {paper}[. Where do I do that?|, how?|. What are the steps?]",
            "[where|at which office] can I {act} my {paper}?",
            "[can you tell me|could you explain|do you know] how to {act} my {paper}?",
        ),
        (
            axis(
                "act",
                "[renew|extend]",
                "[replace|get a new copy of]",
                "[change the address on|update my address on]",
            ),
            axis("paper", "driving licence", "parking permit", "[vehicle registration|registration document]"),
        ),
    ),
    Family(
        (
            "[what does it cost|how much is it|how much do I pay] to {act} [a|my] {paper}?",
            "[what's|what is] the fee [to|if I want to] {act} [a|my] {paper}?",
            "[what's the charge|how much is the fee] when I {act} my {paper}?",
        ),
        (
            axis("act", "[renew|extend]", "[replace|get a new copy of]"),
            axis("paper", "driving licence", "parking permit"),
        ),
    ),
    Family(
        (
            "[what|which] tyre pressure [is right|do I need] for {load}?",
            "[how much air|how many bar] [should I put|goes] in the tyres for {load}?",
            "I'm about to drive {load_as}. [What's the right tyre pressure|How much air do the tyres need]?",
        ),
        (
            axis(
                "load load_as",
                ("a [fully loaded|full] car", "with a [fully loaded|full] car"),
                ("an empty car", "with an empty car"),
                ("[towing a caravan|a car with a caravan]", "with a caravan"),
                ("[a long motorway trip|motorway driving]", "a long way on the motorway"),
            ),
        ),
    ),
    Family(
        (
            "[when|in which month] should I [change to|put on|fit] {tyres} tyres?",
            "[is it time for|is it too early for] {tyres} tyres?",
            "[from which month|from when] on [do I need|should I use] {tyres} tyres?",
            "when [is the right time|is the time] [for|to change to] {tyres} tyres?",
        ),
        (axis("tyres", "[winter|snow]", "summer"),),
    ),
    Family(
        (
            "what [does it mean|is wrong|is the matter] when {sign}?",
            "{sign}[. What does that mean?|, is that dangerous?|. Can I drive on?|, what should I do?]",
            "[should I stop|may I drive on|do I need a garage] if {sign}?",
        ),
        (
            axis(
                "sign",
                "the [oil|oil pressure] light [is on|comes on]",
                "the [engine|check engine] light [is on|comes on]",
                "the [brake|brake warning] light [is on|comes on]",
                "the [battery|charging] light [is on|comes on]",
                "the [coolant|engine temperature] light [is on|comes on]",
                "the brakes [squeak|squeal|make a noise]",
                "the steering wheel [shakes|vibrates]",
                "the car [pulls to the left|drifts to the left]",
                "the car [pulls to the right|drifts to the right]",
            ),
        ),
    ),
    Family(
        (
            "[how long|how many hours] does it take to charge [an electric|a small electric] car {where}?",
            "[how fast|how quickly] does an electric car charge {where}?",
            "I charge my [electric car|EV] {where}. [How long does that take|When will it be full]?",
        ),
        (
            axis(
                "where",
                "[from a household socket|from an ordinary socket]",
                "[from a wall box|from a wall charger] at home",
                "at a [rapid|fast] charger",
            ),
        ),
    ),
    Family(
        (
            "[what does it cost|how much does it cost] to charge [an electric|a small electric] car {where}?",
            "[how expensive|how cheap] is [charging|it to charge] an electric car {where}?",
            "I charge my [electric car|EV] {where}. [What will that cost me|How much do I pay]?",
        ),
        (
            axis(
                "where",
                "[from a household socket|from an ordinary socket]",
                "[from a wall box|from a wall charger] at home",
                "at a [rapid|fast] charger",
            ),
        ),
    ),
    Family(
        (
            "[can I|may I|am I allowed to] park {place}[| in town]?",
            "[is it legal|is it allowed|is it OK] to park {place}?",
            "[what happens if|do I get a ticket if] I park {place}?",
        ),
        (
            axis(
                "place",
                "on the pavement",
                "on a [single|lone] yellow line",
                "on double yellow lines",
                "[in|outside] a bus stop",
                "[in front of|across] my own [drive|driveway]",
                "facing the [wrong way|oncoming traffic]",
            ),
        ),
    ),
    Family(
        (
            "[how do I|how can I|where can I] {act} a {fine}?",
            "I [got|was given] a {fine}[ and want to {act_it}.|. I'd like to {act_it}.|. How do I {act_it}?]",
            "[what's the procedure|what are the steps] to {act} a {fine}?",
        ),
        (
            axis(
                "act act_it",
                ("[pay|settle]", "[pay|settle] it"),
                ("[contest|dispute]", "[contest|dispute] it"),
            ),
            axis("fine", "parking ticket", "[speeding|speed camera] fine"),
        ),
    ),
    Family(
        (
            "[how do I|how can I|what do I do to] [safely |]{act}?",
            "[please explain|I forgot|I never learnt] how to {act}.",
            "I [need|have|am about] to {act}[. What comes first?|, how do I do it?|. What are the steps?]",
        ),
        (
            axis(
                "act",
                "[jump-start a car|start a car with jump leads]",
                "[change a wheel|change a flat tyre]",
                "[check the oil|check the oil level]",
                "[top up the coolant|refill the coolant]",
                "[change a wiper blade|replace the wipers]",
                "[tow a car|pull another car]",
                "[reverse with a trailer|back up with a trailer]",
            ),
        ),
    ),
)

_RULES = (
    Family(
        (
            "If a member reports that {sign}, tell them to [stop at once|drive slowly to a garage|go on], "
            "and offer [a patrol within the hour|a tow|an appointment tomorrow|advice by telephone].",
        ),
        (
            axis(
                "sign",
                "the oil light is on",
                "the engine light is on",
                "the brake light is on",
                "the battery light is on",
                "the brakes squeal",
                "the steering wheel shakes",
                "the car will not start",
                "a tyre is flat",
                "the key is locked inside",
            ),
        ),
    ),
    Family(
        (
            "A {paper} costs [12|20|35|50], takes [three|five|ten|twenty] working days and is valid for "
            "[one year|two years|five years|ten years]; [a photograph|proof of address|an eye test] is "
            "required.",
        ),
        (
            axis(
                "paper",
                "driving licence",
                "parking permit",
                "vehicle registration",
                "toll badge",
                "trailer licence",
                "towing permit",
            ),
        ),
    ),
    Family(
        (
            "{model} need a service every [10,000|15,000|20,000|30,000] kilometres, with new "
            "[filters|brake pads|spark plugs|wiper blades] at every [second|third|fourth] one.",
        ),
        (
            axis(
                "model",
                "Small cars",
                "Estate cars",
                "Vans",
                "Electric cars",
                "Hybrids",
                "Motorcycles",
                "Camper vans",
            ),
        ),
    ),
)

DOMAIN = Domain(
    name="driving",
    families=_FAMILIES,
    companies=("Milestone Motoring Club", "Roundabout Rescue", "The Green Lane Club", "Kerbside"),
    business="a motoring club",
    rules=_RULES,
    place="service point",
)
