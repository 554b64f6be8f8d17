"""Questions about house, garden and appliances, and the house rules of a home service's assistant."""

from __future__ import annotations

from .text_domains import Domain, Family, axis

_FAMILIES = (
    Family(
        (
            "[how do I|how can I|what's the best way to] get {stain} out of {fabric}?",
            "[I've got|there's|someone left] {stain} on {fabric}. [How do I get it out|What now]?",
            "[what removes|what takes out|how do I remove] {stain} from {fabric}?",
            "[can you help me|is there a trick] to remove {stain} from {fabric}?",
        ),
        (
            axis("stain", "red wine", "[coffee|spilt coffee]", "[candle wax|wax]", "[ink|ballpoint ink]"),
            axis("fabric", "[a carpet|the carpet]", "a cotton shirt", "[a leather sofa|leather]"),
        ),
    ),
    Family(
        (
            "[how often|how many times a week] [do I|should I|must I] water {plant}?",
            "[does {plant} need water every day|how often does {plant} need water]?",
            "I have {plant}[ at home|]. [How often does it need water|When do I water it]?",
        ),
        (
            axis(
                "plant",
                "a cactus",
                "an orchid",
                "a tomato plant",
                "[basil|a pot of basil]",
                "[a fern|a large fern]",
            ),
        ),
    ),
    Family(
        (
            "[how much light|how much sun] does {plant} [need|want]?",
            "[where|in which spot] should I [put|keep] {plant}, in the sun or in the shade?",
            "[is|would] a [dark corner|north-facing window] [enough|be enough] for {plant}?",
        ),
        (
            axis(
                "plant",
                "a cactus",
                "an orchid",
                "a tomato plant",
                "[basil|a pot of basil]",
                "[a fern|a large fern]",
            ),
        ),
    ),
    Family(
        (
            "[how do I|how can I|can you tell me how to] {change} the {setting}?",
            "[I'd like|I want|I'm trying] to {change} the {setting}[. What do I do?|, how?]",
            "the {setting} is too {wrong}[. How do I|, how can I|. What do I have to do to] {change_it}?",
        ),
        (
            axis(
                "change change_it wrong",
                ("[raise|increase|turn up]", "[raise it|turn it up]", "low"),
                ("[lower|reduce|turn down]", "[lower it|turn it down]", "high"),
            ),
            axis(
                "setting",
                "[heating|room temperature]",
                "[fridge temperature|temperature in the fridge]",
                "[water pressure|pressure of the water]",
                "[humidity in the bedroom|bedroom humidity]",
            ),
        ),
    ),
    Family(
        (
            "[how do I|how can I|can I] fix {thing} [myself|on my own|without a plumber]?",
            "I have {thing}[. What can I do?|, how do I fix it?|. Can I repair it myself?]",
            "[what should I do about|what's the best fix for|how does one repair] {thing}?",
        ),
        (
            axis(
                "thing",
                "[a dripping tap|a leaking tap]",
                "[a blocked drain|a clogged drain]",
                "[a running toilet|a toilet that keeps running]",
                "[a squeaky door|a door that squeaks]",
                "[a sticking window|a window that sticks]",
                "[a loose socket|a loose power socket]",
                "[a cracked tile|a broken tile]",
                "[a cold radiator|a radiator that stays cold]",
            ),
        ),
    ),
    Family(
        (
            "[how do I|how can I|what's the best way to] clean {appliance}?",
            "{appliance} [is dirty|smells|needs cleaning]. [How do I clean it|What do I use to clean it]?",
            "[what should I use|which cleaner is right] to clean {appliance}?",
        ),
        (
            axis(
                "appliance",
                "[the oven|my oven]",
                "[the dishwasher|my dishwasher]",
                "[the washing machine|my washing machine]",
                "[the kettle|my kettle]",
                "[the fridge|my fridge]",
                "[the coffee machine|my coffee machine]",
            ),
        ),
    ),
    Family(
        (
            "[when is|on which day is|what day is] the {bin} [collected|emptied|picked up]?",
            "[when do I|on which day must I] put out the {bin}?",
            "[could you tell me|do you know|can I ask] when the {bin} [is|gets] [collected|emptied]?",
        ),
        (axis("bin", "paper bin", "glass bin", "[food|kitchen] waste bin", "garden waste bin"),),
    ),
    Family(
        (
            "[how much|how many litres of] paint do I need for [a room|walls] of {area} square metres?",
            "I'm painting {area} square metres. [How much paint should I buy|How many litres is that]?",
            "[what amount of paint|how much paint] covers {area} square metres?",
        ),
        (axis("area", "12", "20", "35", "60"),),
    ),
    Family(
        (
            "[how do I|how can I|what's a good way to] {act} {animals} [my|the|our] garden?",
            "[I'd like|I want|I'm trying] to {act} {animals} my garden[. Any tips?|, how?|. What helps?]",
            "[is there a plant|is there a trick|what can I do] to {act} {animals} [my|the] garden?",
        ),
        (
            axis(
                "act animals",
                ("[attract|bring more]", "bees to"),
                ("keep", "bees out of"),
                ("[attract|bring more]", "birds to"),
                ("keep", "birds out of"),
                ("[attract|bring]", "hedgehogs to"),
                ("keep", "cats out of"),
            ),
        ),
    ),
)

_RULES = (
    Family(
        (
            "A visit for {thing} costs [45|60|75|90|120] and takes [half an hour|an hour|two hours]; ask "
            "the customer to [turn off the water|switch off the fuse|clear the area|send a photograph] "
            "first.",
        ),
        (
            axis(
                "thing",
                "a dripping tap",
                "a blocked drain",
                "a running toilet",
                "a loose socket",
                "a cracked tile",
                "a cold radiator",
                "a broken window",
                "a jammed lock",
                "a leaking roof",
            ),
        ),
    ),
    Family(
        (
            "{plant} should be watered [twice a week|once a week|every ten days|once a month] and stands "
            "best [in full sun|in half shade|in the shade|by an east window], away from "
            "[draughts|radiators|cats].",
        ),
        (
            axis(
                "plant",
                "A cactus",
                "An orchid",
                "A tomato plant",
                "Basil",
                "A fern",
                "A lemon tree",
                "Ivy",
                "A rose",
            ),
        ),
    ),
    Family(
        (
            "To remove {stain}, use [cold water and salt|warm water and soap|white vinegar|baking soda] "
            "within [ten minutes|an hour|a day], and never [rub|use bleach|use hot water|iron over it].",
        ),
        (axis("stain", "red wine", "coffee", "candle wax", "ink", "grass", "blood", "tomato sauce", "grease"),),
    ),
    Family(
        ("The {machine} is cleaned every [two|four|six|twelve] weeks with [vinegar|citric acid|soda].",),
        (axis("machine", "oven", "dishwasher", "washing machine", "kettle", "fridge", "coffee machine"),),
    ),
)

DOMAIN = Domain(
    name="home",
    families=_FAMILIES,
    companies=("Hearth and Hammer", "Four Walls", "Willow Home Service", "The Tidy Shed"),
    business="a repair and gardening service",
    rules=_RULES,
    place="workshop",
)
