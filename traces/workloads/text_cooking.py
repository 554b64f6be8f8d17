"""Questions from the kitchen, and the house rules of a cookery service's assistant."""

from __future__ import annotations

from .text_domains import Domain, Family, axis

_FAMILIES = (
    Family(
        (
            "[what can I use|what could I take] [instead of|in place of] {item} in {dish}?",
            "I'm [out of|missing] {item}[. What works|, what works] in {dish} [instead|in its place]?",
            "[how do I make|can I make] {dish} without {item}[| at all]?",
            "[what replaces|what's a good substitute for] {item} in {dish}?",
        ),
        (
            axis("item", "eggs", "butter", "[milk|cow's milk]", "[wheat flour|plain flour]"),
            axis("dish", "[pancakes|a pancake batter]", "[a cake|a sponge cake]", "[a white sauce|béchamel]"),
        ),
    ),
    Family(
        (
            "[how long|how many minutes] do I [need to |]{cook} {food}?",
            "[what is|what's] the right time to {cook} {food}?",
            "[I'm going to|I want to] {cook} {food}. [How long does it take|When is it done]?",
            "[can you tell me|do you know] how long to {cook} {food}?",
        ),
        (
            axis("cook", "boil", "[roast|bake]", "steam"),
            axis("food", "potatoes", "carrots", "broccoli", "[a whole fish|one whole fish]"),
        ),
    ),
    Family(
        (
            "[how do I|how can I] make [my|a] {dish} {better}?",
            "my {dish} is too {wrong}[. How do I fix it?|, what can I do?|. Can it be saved?]",
            "[what do I add to|what should I do with] a {dish} that is too {wrong}?",
            "the {dish} [came out|turned out|is] too {wrong}. What now?",
        ),
        (
            axis("dish", "[soup|vegetable soup]", "[gravy|brown gravy]", "curry"),
            axis(
                "better wrong",
                ("[thicker|less thin]", "[thin|watery]"),
                ("[thinner|less thick]", "thick"),
                ("less salty", "salty"),
                ("[milder|less hot]", "[spicy|hot]"),
            ),
        ),
    ),
    Family(
        (
            "[can I|is it safe to|is it OK to] freeze {food}[| for later]?",
            "does {food} [freeze well|survive freezing|go in the freezer]?",
            "I have [too much|a lot of] {food}. [Does it freeze well|Can I put it in the freezer]?",
        ),
        (axis("food", "cooked rice", "fresh spinach", "grated cheese", "bread dough", "tomato sauce"),),
    ),
    Family(
        (
            "[how long|for how many days] does {food} keep in the [fridge|refrigerator]?",
            "[what's|what is] the shelf life of {food} in the [fridge|refrigerator]?",
            "[after how many days|when] should I throw away {food} that's in the fridge?",
        ),
        (axis("food", "cooked rice", "fresh spinach", "grated cheese", "bread dough", "tomato sauce"),),
    ),
    Family(
        (
            "[how much|what quantity of] {food} do I [need|cook] for {people} people?",
            "[I'm cooking for|I have] {people} [people|guests]. How much {food} should I [buy|make]?",
            "[what is the right amount of|how many grams of] {food} for {people} [people|guests]?",
        ),
        (axis("food", "rice", "pasta", "couscous"), axis("people", "two", "four", "six", "ten")),
    ),
    Family(
        (
            "[what can I cook|what could I make] with {one} and {two}[| tonight| for dinner]?",
            "I have {one} and {two} [at home|in the fridge]. [Any ideas for dinner|What can I make]?",
            "[suggest|give me|I'm looking for] [a dinner|a simple recipe] with {one} and {two}.",
        ),
        (
            axis("one", "chickpeas", "mushrooms", "leeks"),
            axis("two", "potatoes", "rice", "eggs", "salmon"),
        ),
    ),
    Family(
        (
            "[what's|what is] {degrees} degrees {unit} in {other}[| for my oven]?",
            "[my recipe|the cookbook] says {degrees} degrees {unit}. What is that in {other}?",
            "convert an oven temperature of {degrees} {unit} to {other}[|, please].",
        ),
        (
            axis("unit other", ("Celsius", "Fahrenheit"), ("Fahrenheit", "Celsius")),
            axis("degrees", "180", "200", "220", "350"),
        ),
    ),
)

_RULES = (
    Family(
        (
            "{food} keeps [two|three|four|five] days in the fridge and [one month|two months|three months|"
            "half a year] in the freezer; [thaw it overnight|cook it from frozen|thaw it in cold water].",
        ),
        (
            axis(
                "food",
                "Cooked rice",
                "Minced beef",
                "Fresh spinach",
                "Tomato sauce",
                "Bread dough",
                "Chicken stock",
                "Grated cheese",
                "Lentil soup",
            ),
        ),
    ),
    Family(
        (
            "When a guest cannot eat {item}, offer [oat cream|ground almonds|rice flour|olive oil] and say "
            "[that the texture changes|that the taste stays the same|how much to use].",
        ),
        (axis("item", "milk", "eggs", "wheat", "nuts", "butter", "soya", "fish", "sesame"),),
    ),
    Family(
        (
            "Roast {food} at [160|180|200|220] degrees for [20|30|40|50|75] minutes, turning once, and let "
            "rest for [five|ten|fifteen] minutes under [a cloth|foil|a lid].",
        ),
        (axis("food", "potatoes", "carrots", "a whole chicken", "a shoulder of lamb", "salmon", "squash"),),
    ),
    Family(
        ("A portion of {food} is [60|80|100|120|150] grams for an adult and [40|50|60] for a child.",),
        (axis("food", "rice", "pasta", "couscous", "lentils", "oats", "fresh noodles", "potato salad"),),
    ),
)

DOMAIN = Domain(
    name="cooking",
    families=_FAMILIES,
    companies=("Thyme and Table", "The Copper Pan", "Basil Street Kitchen", "Harvest Plate"),
    business="a recipe service for home cooks",
    rules=_RULES,
    place="cookery school",
)
