"""Questions about trips, tickets and luggage, and the house rules of a travel agency's assistant."""

from __future__ import annotations

from .text_domains import Domain, Family, axis

_FAMILIES = (
    Family(
        (
            "[how do I|how can I|where can I] {act} [my|a] {ticket}?",
            "[I want|I'd like|I need] to {act} my {ticket}[. What are my options?|, what do I do?|. How?]",
            "[can you help me|is it possible|is there an easy way] to {act} my {ticket}?",
        ),
        (
            axis(
                "act",
                "[cancel|call off]",
                "[change the date of|change the day of]",
                "[print|get a paper copy of]",
            ),
            axis(
                "ticket",
                "[flight|plane ticket]",
                "[train ticket|rail ticket]",
                "[ferry crossing|ferry ticket]",
            ),
        ),
    ),
    Family(
        (
            "[until when|how late|up to what time] can I {act} a {ticket}?",
            "[what is|is there] a [deadline|time limit] [to|if I want to] {act} a {ticket}?",
            "can I still {act} a {ticket} [on the day itself|an hour before I leave]?",
        ),
        (
            axis("act", "[cancel|call off]", "[change the date of|change the day of]"),
            axis("ticket", "[flight|plane ticket]", "[train ticket|rail ticket]"),
        ),
    ),
    Family(
        (
            "[how long|how many hours] does [it take|the journey take] from {start} to {end} by {means}?",
            "I'm going from {start} to {end} by {means}[. How long will it take?|, how long is the trip?]",
            "[what's the travel time|what is the journey time] by {means} from {start} to {end}?",
        ),
        (
            axis(
                "start end",
                ("Paris", "Berlin"),
                ("Berlin", "Paris"),
                ("Madrid", "Lisbon"),
                ("Lisbon", "Madrid"),
            ),
            axis("means", "[train|rail]", "[car|road]", "[bus|coach]"),
        ),
    ),
    Family(
        (
            "[what's|what is] the weather [usually |]like in {city} in {month}?",
            "is the weather in {city} [usually |][nice|good|bad] in {month}?",
            "[how warm|how cold] [does it get|is it usually] in {city} in {month}?",
            "I'm [visiting|going to|flying to] {city} in {month}. [What should I wear|Will it rain a lot]?",
        ),
        (
            axis("city", "Lisbon", "Edinburgh", "Kyoto", "Cape Town", "Buenos Aires"),
            axis("month", "January", "April", "July", "October"),
        ),
    ),
    Family(
        (
            "[can I|am I allowed to|is it OK to] [take|bring|pack] {item} in [my|the] {bag}?",
            "is {item} [allowed|permitted] in [the|my] {bag}[| when I fly]?",
            "[what are|can you tell me] the rules for {item} in {bag}?",
            "I [need|want] to [fly|travel by plane] with {item}. Does that go in my {bag}?",
        ),
        (
            axis(
                "item",
                "[a power bank|a spare battery]",
                "[a pocket knife|a small knife]",
                "[a bottle of medicine|a bottle of cough syrup]",
                "[a musical instrument|a violin]",
                "[a pair of skis|a set of skis]",
            ),
            axis("bag", "[hand luggage|cabin bag|carry-on]", "[checked luggage|checked bag|hold luggage]"),
        ),
    ),
    Family(
        (
            "[do I need|does one need] a visa for {country}[| as a tourist]?",
            "[can I|may I|is it possible to] [enter|visit|travel to] {country} without a visa?",
            "I'm planning a [trip|holiday] to {country}. [Is a visa required|Must I apply for a visa]?",
        ),
        (axis("country", "Japan", "Brazil", "India", "Canada", "Kenya", "Australia", "Turkey", "Vietnam"),),
    ),
    Family(
        (
            "[how long|for how many days] [can I|may I|am I allowed to] stay in {country}[| as a tourist]?",
            "[what's|what is] the longest [I may|a tourist can] stay in {country}?",
            "I'd like to [stay|spend some time] in {country}. How [many weeks|long] may I stay?",
        ),
        (axis("country", "Japan", "Brazil", "India", "Canada"),),
    ),
    Family(
        (
            "what [should I see|are the best things to see|can I do] in {city} in {days}?",
            "[plan|suggest|please put together] [{days}|{days} of sightseeing] in {city}[| for me].",
            "I have {days} in {city}[. What's worth seeing?|, what should I not miss?|. Where do I start?]",
        ),
        (
            axis("city", "Rome", "Prague", "Istanbul", "Seville"),
            axis("days", "one day", "two days", "a week"),
        ),
    ),
    Family(
        (
            "my {thing} [was|has been] {fate}[. What do I do now?|, who do I contact?|. What are my rights?]",
            "[what should I do|who can help me|what am I entitled to] if my {thing} is {fate}?",
            "[can I get|am I owed|do I get] compensation for a {thing} that was {fate}?",
        ),
        (
            axis(
                "thing fate",
                ("flight", "[cancelled|called off]"),
                ("flight", "[delayed by five hours|five hours late]"),
                ("suitcase", "[lost|mislaid by the airline]"),
                ("suitcase", "[damaged|broken in transit]"),
                ("train", "[cancelled|called off]"),
                ("hotel room", "[double-booked|given to somebody else]"),
            ),
        ),
    ),
)

_RULES = (
    Family(
        (
            "A {booking} can be changed free of charge up to [6|12|24|48|72] hours ahead; afterwards the "
            "fee is [10|15|25|40] euros, and within [1|2|3] hours of departure no change is possible.",
        ),
        (
            axis(
                "booking",
                "flight in economy class",
                "flight in business class",
                "train ticket",
                "ferry crossing",
                "hotel room",
                "hired car",
                "city tour",
                "airport transfer",
            ),
        ),
    ),
    Family(
        (
            "For {country}, remind travellers that [a passport valid for six months|a return ticket|"
            "proof of accommodation] is required and that a visa takes [3|5|10|15] working days.",
        ),
        (
            axis(
                "country",
                "Japan",
                "Brazil",
                "India",
                "Canada",
                "Kenya",
                "Australia",
                "Turkey",
                "Vietnam",
                "Peru",
            ),
        ),
    ),
    Family(
        (
            "In {city} we recommend the [old town|harbour|museum quarter|botanical garden] and, for the "
            "evening, [the food market|a boat trip|a walk along the walls]; avoid [Mondays|the midday "
            "heat|the main road].",
        ),
        (axis("city", "Rome", "Prague", "Istanbul", "Seville", "Lisbon", "Edinburgh", "Kyoto", "Cape Town"),),
    ),
    Family(
        ("{item} may travel in [the cabin only|the hold only|the cabin or the hold].",),
        (
            axis(
                "item",
                "Power banks",
                "Pocket knives",
                "Skis",
                "Musical instruments",
                "Camping stoves",
                "Drones",
            ),
        ),
    ),
)

DOMAIN = Domain(
    name="travel",
    families=_FAMILIES,
    companies=("Swallow Journeys", "Meridian Tours", "Open Harbour Travel", "Juniper Holidays"),
    business="a travel agency",
    rules=_RULES,
    place="office",
)
