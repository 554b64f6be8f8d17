"""Questions about orders, deliveries and returns, and the house rules of a shop's assistant."""

from __future__ import annotations

from .text_domains import Domain, Family, axis

_GOODS = axis(
    "item",
    "[laptop|laptop computer]",
    "[pair of shoes|pair of trainers]",
    "[washing machine|washer]",
    "[jacket|winter jacket]",
    "[pair of headphones|headset]",
    "[sofa|couch]",
)

_FAMILIES = (
    Family(
        (
            "[how do I|how can I|where can I] {act} [a|the|my] {item}[| that I bought from you]?",
            "I [want|need|would like] to {act} [a|the|my] {item}[. What do I do?|, how does that work?]",
            "[I'm not happy with|there's something wrong with] my {item}. How do I {act_it}?",
            "[what are the steps|what is the procedure] to {act} a {item}?",
        ),
        (
            axis(
                "act act_it",
                ("[return|send back]", "[return it|send it back]"),
                ("[exchange|swap]", "[exchange it|swap it for another]"),
                ("[have you repair|get you to repair]", "[have it repaired|get it repaired]"),
            ),
            _GOODS,
        ),
    ),
    Family(
        (
            "[how many days|how long] do I have to return a {item}?",
            "[until when|for how long] can I [return|send back] a {item}?",
            "[what is|what's] the [deadline|time limit] for returning a {item}?",
        ),
        (_GOODS,),
    ),
    Family(
        (
            "[how long|for how many years] is the warranty on a {item}?",
            "[what's|what is] the warranty period [of|for] a {item}?",
            "[how long|for how many months] is a {item} [covered by|under] warranty?",
        ),
        (_GOODS,),
    ),
    Family(
        (
            "[how do I|how can I|can I still] {act} the order [that |]I placed {time}?",
            "I placed an order {time}[ and want to {act} it.|. I'd like to {act} it.]",
            "[is it possible|is it too late] to {act} the order I [made|placed] {time}?",
        ),
        (
            axis(
                "act",
                "cancel",
                "[change the delivery address of|correct the address on]",
                "[add something to|add an item to]",
            ),
            axis("time", "[an hour ago|just now]", "[yesterday|a day ago]", "[last week|a week ago]"),
        ),
    ),
    Family(
        (
            "[do you|can you|does your shop] [deliver|ship] to {place}?",
            "[is it possible to have|can I get] [something|an order] [delivered|sent] to {place}?",
            "I live in {place}[. Do you deliver there?|, can I order from you?|. Can I order?]",
        ),
        (axis("place", "Ireland", "Norway", "Switzerland", "Iceland", "Portugal", "Malta"),),
    ),
    Family(
        (
            "[how much|what] does [delivery|shipping] to {place} cost?",
            "[what's|what is] the [delivery|shipping] [charge|cost|fee] [for|to] {place}?",
            "[what do you charge|how much do you ask] for [delivery|shipping] to {place}?",
        ),
        (axis("place", "Ireland", "Norway", "Switzerland", "Iceland", "Portugal", "Malta"),),
    ),
    Family(
        (
            "my {parcel}[. What can I do?|, what now?|. Can you help?|, and I'm not happy about it.]",
            "[what do I do|what can you do for me|whom do I call] if my {parcel}?",
            "[I have a problem:|there's a problem with my order:] my {parcel}.",
        ),
        (
            axis(
                "parcel",
                "[parcel|package] has not [arrived|come]",
                "[parcel|package] [arrived damaged|was damaged on the way]",
                "[parcel|package] [contains|had] the wrong [item|thing]",
                "[parcel|package] went to [a neighbour|the wrong house]",
                "[order arrived twice|order was delivered twice]",
                "[refund|money back] hasn't [come|arrived]",
                "[discount code|voucher] [doesn't work|is not accepted]",
            ),
        ),
    ),
    Family(
        (
            "[do you have|is there|have you got] [the|this] {garment} in {size}?",
            "I'm looking for [the|a] {garment} in {size}. [Is it in stock|Do you have one]?",
            "[when will you have|are you getting] [the|this] {garment} in {size} [again|back in stock]?",
        ),
        (
            axis("garment", "coat", "dress", "shirt"),
            axis("size", "small", "medium", "large", "extra large"),
        ),
    ),
)

_RULES = (
    Family(
        (
            "A {item} can be returned within [14|21|28|30|60] days if it is [unopened|undamaged|complete]; "
            "the customer pays [nothing|the postage|a fee of 5|a fee of 15] and is refunded within "
            "[3|5|7|10] days.",
        ),
        (
            axis(
                "item",
                "laptop",
                "pair of shoes",
                "washing machine",
                "jacket",
                "pair of headphones",
                "sofa",
                "bicycle",
                "camera",
                "mattress",
                "book",
            ),
        ),
    ),
    Family(
        (
            "Delivery to {place} takes [two|three|five|seven|ten] working days, costs [nothing|4|7|12|19] "
            "and is free above [30|50|75|100].",
        ),
        (
            axis(
                "place",
                "Ireland",
                "Norway",
                "Switzerland",
                "Iceland",
                "Portugal",
                "Malta",
                "Cyprus",
                "Estonia",
            ),
        ),
    ),
    Family(
        (
            "If {case}, ask for [the order number|a photograph|the name on the parcel], apologise once, "
            "and offer [a replacement|a refund|a voucher of 10|a call from a colleague].",
        ),
        (
            axis(
                "case",
                "a parcel has not come",
                "a parcel came damaged",
                "the wrong thing was sent",
                "a voucher is refused",
                "a refund is late",
                "an order came twice",
                "a neighbour has the parcel",
            ),
        ),
    ),
    Family(
        ("The warranty on {item} runs for [two|three|four|five] years and covers [parts|parts and labour].",),
        (axis("item", "kitchen machines", "furniture", "shoes", "watches", "computers", "garden tools"),),
    ),
)

DOMAIN = Domain(
    name="shopping",
    families=_FAMILIES,
    companies=("Bramble and Sons", "The Corner Warehouse", "Oak Lane Stores", "Lantern Market"),
    business="a department store that also sells online",
    rules=_RULES,
    place="store",
)
